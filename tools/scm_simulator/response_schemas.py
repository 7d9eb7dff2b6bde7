"""The schemas of SCM's responses: method, path, status, headers, member names and types. Facts only.

Notation of a body: `int`, `str`, `bool`; a dict is an object, `name?` a member that may be absent, null or
""; a list of one schema is an array; `{"*": …}` an object with any member names; `Any` is not checked.
`conformance` checks every response of the simulator against it, and the tests check it against the vendor's data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BodySchema = Any
"""A body in the notation above; None for no body; `OCTETS` for a file."""
OCTETS = "octets"
PEM_MEDIA = "application/octet-stream"


@dataclass(frozen=True)
class ResponseSchema:
    """The successful response of an operation."""

    status: int
    body: BodySchema = None
    headers: tuple[str, ...] = ()


def _members(kind: BodySchema, names: str) -> dict[str, BodySchema]:
    """Return members of the same type."""
    return dict.fromkeys(names.split(), kind)


ERROR = {"code?": int, "description": str}
ERROR_STATUSES = (400, 401, 403, 404)
EVERYWHERE = ("Content-Type", "Content-Length", "Set-Cookie", "WWW-Authenticate")
"""Headers of any response."""

PROFILE = {
    "id": int,
    "name": str,
    "description?": str,
    "terms": [int],
    "keyTypes?": {"*": [str]},
    "useSecondaryOrgName?": bool,
}
CUSTOM_FIELD = {"name": str, "value": str}
IDENTITY = {"sslId": int, "commonName": str, "subjectAlternativeNames?": [str], "serialNumber?": str}
INSTALL_NODE = {"name": str, "port": int, "status?": str}
CERTIFICATE = {
    **_members(int, "id sslId orgId orderNumber? term ownerId? requesterId? reasonCode? keySize?"),
    **_members(
        str,
        "commonName status backendCertId? vendor? subType? validationType? owner? requester? requestedVia? "
        "externalRequester? comments? requested? approved? issued? declined? expires? replaced? revoked? renewedDate? "
        "serialNumber? signatureAlg? keyAlgorithm? keyType?",
    ),
    **_members(bool, "renewed? suspendNotifications?"),
    "certType": PROFILE,
    "keyUsages?": [str],
    "extendedKeyUsages?": [str],
    "subjectAlternativeNames?": [str],
    "customFields?": [CUSTOM_FIELD],
    "certificateDetails?": {
        "issuer?": str,
        "subject?": str,
        "subjectAltNames?": str,
        "md5Hash?": str,
        "sha1Hash?": str,
    },
    "autoInstallDetails?": {"state": str, "nodes?": [INSTALL_NODE]},
    "autoRenewDetails?": {"state": str, "daysBeforeExpiration?": int},
}
DCV_OF_CERTIFICATE = {
    "dcvLog": {
        "error": {"code": int, "description?": str},
        "log": [
            {"dcvEmailRefNumber?": int, **_members(str, "dcvStatus domainName lastCheck? nextCheck? dcvDate?")},
        ],
    },
    "instructions?": [
        _members(str, "domainName dcvMode host? point? url? file? dcvEmail?"),
    ],
}
DEPARTMENT = {"id": int, "name": str, "parentName?": str, "certTypes?": [str]}
ORGANIZATION = {**DEPARTMENT, "departments?": [DEPARTMENT]}
ORGANIZATION_DETAILS = {
    **_members(int, "id parentId?"),
    **_members(
        str,
        "name parentName? parentSecondaryName? secondaryName? alias? schacHomeOrganization? contactEmails? "
        "contactWebhook? contactSlack? contactTeams? address1? address2? address3? city? stateOrProvince? postalCode? "
        "country? validationStatus? secondaryValidationStatus?",
    ),
    **_members(bool, "sslCertsApiEnabled clientCertsApiEnabled"),
    "certTypes?": [str],
    "departments?": [DEPARTMENT],
    "clientCertificate?": {
        "allowKeyRecoveryByMasterAdmins?": bool,
        "allowKeyRecoveryByOrgAdmins?": bool,
        "allowKeyRecoveryByDepartmentAdmins?": bool,
    },
}
VALIDATION = {
    **_members(int, "id backendId?"),
    **_members(str, "validationLevel status backgroundStatus? submitted? expires? backendType"),
    **_members(bool, "alternative"),
}
DOMAIN = {
    "id": int,
    **_members(str, "name delegationStatus state validationStatus? validationMethod? dcvValidation? dcvExpiration?"),
    "delegations": [{"orgId": int, "certTypes": [str], "domainCertificateRequestPrivileges?": [str], "status": str}],
    "ctLogMonitoring?": {"bucketId?": str, "enabled": bool, "includeSubdomains?": bool},
}
DCV = _members(str, "domain dcvStatus dcvMethod? dcvOrderStatus dcvOrderMethod? expirationDate?")
DCV_STATUS = _members(
    str,
    "status validationDate? expirationDate? orderStatus orderMode? url? firstLine? secondLine? host? point? "
    "validationEmail? emailValidationReferenceNumber? orderBackendId? submittedDate? lastCheck? nextCheck?",
)
ADMIN = {"id": int, **_members(str, "type login forename surname email")}
ADMIN_DETAILS = {
    **_members(int, "id clientAdminCreator? identityProviderId? templateId? failedAttempts?"),
    **_members(
        str,
        "type login? forename? surname? email? status? activeState? activeStatus? title? phone? address? city? state? "
        "country? zip? locale? relationship? created? modified? deleted? reseted? lastPasswordChange? passwordState? "
        "passwordExpiryDate? authCert? idp? idpPersonId? idpLoginInvited? failedDate?",
    ),
    "credentials": [{"role": str, "orgId?": int}],
    "privileges": [str],
}
REPORT_ROW = {
    **_members(int, "id typeId orgId term orderNumber? servers?"),
    **_members(
        str,
        "type organizationName commonName subjAltNames? status requester? approver? externalRequester? comments? "
        "requested? approved? issued? declined? downloaded? expires? revoked? replaced? issuer? serialNumber? "
        "backendCertId? requestedVia? publicKeyAlg? publicKeySize? publicKeyType? sha1? md5? ipAddresses? city? state? "
        "country? serverType?",
    ),
    "customFields?": [CUSTOM_FIELD],
}
TOKEN = {"access_token": str, "expires_in": int, "token_type": str, "scope?": str}
COUNTED = ("X-Total-Count",)
FILE = ("Content-Disposition",)
REPORT = (*FILE, "Cache-Control", "Pragma")

RESPONSE_SCHEMAS: Mapping[str, ResponseSchema] = {
    "GET /api/ssl/v1": ResponseSchema(200, [IDENTITY], COUNTED),
    "HEAD /api/ssl/v1": ResponseSchema(200, None, COUNTED),
    "PUT /api/ssl/v1": ResponseSchema(200, CERTIFICATE),
    "GET /api/ssl/v1/types": ResponseSchema(200, [PROFILE]),
    "GET /api/ssl/v1/customFields": ResponseSchema(200, [{"id": int, "name": str, "mandatory": bool}]),
    "POST /api/ssl/v1/enroll": ResponseSchema(200, {"sslId": int, "renewId": str}),
    "GET /api/ssl/v1/collect/{sslId}": ResponseSchema(200, OCTETS, FILE),
    "GET /api/ssl/v1/collect/{sslId}/{format}": ResponseSchema(200, OCTETS, FILE),
    "POST /api/ssl/v1/renewById/{sslId}": ResponseSchema(200, {"sslId": int}),
    "POST /api/ssl/v1/renew/{renewId}": ResponseSchema(204),
    "POST /api/ssl/v1/renew/manual/{sslId}": ResponseSchema(204),
    "POST /api/ssl/v1/replace/{sslId}": ResponseSchema(204),
    "POST /api/ssl/v1/approve/{sslId}": ResponseSchema(204),
    "POST /api/ssl/v1/decline/{sslId}": ResponseSchema(204),
    "POST /api/ssl/v1/revoke/{sslId}": ResponseSchema(204),
    "POST /api/ssl/v1/revoke/serial/{serialNumber}": ResponseSchema(204),
    "GET /api/ssl/v1/{sslId}": ResponseSchema(200, CERTIFICATE),
    "DELETE /api/ssl/v1/{sslId}": ResponseSchema(204),
    "GET /api/ssl/v1/{sslId}/dcv": ResponseSchema(200, DCV_OF_CERTIFICATE),
    "POST /api/ssl/v1/{sslId}/dcv/recheck": ResponseSchema(202, DCV_OF_CERTIFICATE),
    "GET /api/organization/v1": ResponseSchema(200, [ORGANIZATION]),
    "GET /api/organization/v1/managedBy/{role}": ResponseSchema(200, [DEPARTMENT]),
    "GET /api/organization/v1/managed-by/{role}": ResponseSchema(200, [DEPARTMENT]),
    "GET /api/organization/v1/{orgId}": ResponseSchema(200, ORGANIZATION_DETAILS),
    "GET /api/organization/v2/{orgId}/validations": ResponseSchema(200, [VALIDATION]),
    "GET /api/domain/v1": ResponseSchema(200, [{"id": int, "name": str}], COUNTED),
    "POST /api/domain/v1": ResponseSchema(201, None, ("Location",)),
    "GET /api/domain/v1/{domainId}": ResponseSchema(200, DOMAIN),
    "DELETE /api/domain/v1/{domainId}": ResponseSchema(204),
    "PUT /api/domain/v1/{domainId}/activate": ResponseSchema(200),
    "PUT /api/domain/v1/{domainId}/suspend": ResponseSchema(200),
    "POST /api/domain/v1/delegation": ResponseSchema(200),
    "POST /api/domain/v1/{domainId}/delegation": ResponseSchema(200),
    "DELETE /api/domain/v1/{domainId}/delegation": ResponseSchema(200),
    "POST /api/domain/v1/{domainId}/delegation/approve": ResponseSchema(200),
    "POST /api/domain/v1/{domainId}/delegation/reject": ResponseSchema(200),
    "GET /api/dcv/v1/validation": ResponseSchema(200, [DCV], COUNTED),
    "GET /api/dcv/v2/validation": ResponseSchema(200, [DCV], COUNTED),
    "POST /api/dcv/v1/validation/status": ResponseSchema(200, DCV_STATUS),
    "POST /api/dcv/v2/validation/status": ResponseSchema(200, DCV_STATUS),
    "GET /api/admin/v1": ResponseSchema(200, [ADMIN], COUNTED),
    "GET /api/admin/v1/{adminId}": ResponseSchema(200, ADMIN_DETAILS),
    "GET /api/admin/v1/password": ResponseSchema(200, {"expirationDate?": str, "state": str}),
    "POST /api/admin/v1/changepassword": ResponseSchema(204),
    "POST /api/report/v1/ssl-certificates": ResponseSchema(
        200, {"statusCode": int, "message?": str, "reports": [REPORT_ROW]}, REPORT
    ),
    "POST /auth/realms/apiclients/protocol/openid-connect/token": ResponseSchema(200, TOKEN, ("Cache-Control",)),
}
"""Every operation by its name."""
