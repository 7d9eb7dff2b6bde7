"""The shapes of SCM's answers: method, path, status, headers, field names and types. Facts only.

Notation of a body: `int`, `str`, `bool`; a dict is an object, `name?` a member that may be absent, null or
""; a list of one is an array; `{"*": …}` an object with any member names. `Any` is what is not looked into.
Held against every answer of the simulator by `conformance`, and against the vendor's data by the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Body = Any
"""A body in the notation above; None for no body; `OCTETS` for a file."""
OCTETS = "octets"
PEM_MEDIA = "application/octet-stream"


@dataclass(frozen=True)
class Shape:
    """What one operation answers when all is well."""

    status: int
    body: Body = None
    headers: tuple[str, ...] = ()


ERROR = {"code?": int, "description": str}
ERROR_STATUSES = (400, 401, 403, 404)
EVERYWHERE = ("Content-Type", "Content-Length", "Set-Cookie", "WWW-Authenticate")
"""Headers that any answer may have."""

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
    "id": int,
    "sslId": int,
    "commonName": str,
    "orgId": int,
    "status": str,
    "orderNumber?": int,
    "backendCertId?": str,
    "vendor?": str,
    "certType": PROFILE,
    "subType?": str,
    "validationType?": str,
    "term": int,
    "owner?": str,
    "ownerId?": int,
    "requester?": str,
    "requesterId?": int,
    "requestedVia?": str,
    "externalRequester?": str,
    "comments?": str,
    "requested?": str,
    "approved?": str,
    "issued?": str,
    "declined?": str,
    "expires?": str,
    "replaced?": str,
    "revoked?": str,
    "reasonCode?": int,
    "renewed?": bool,
    "renewedDate?": str,
    "serialNumber?": str,
    "signatureAlg?": str,
    "keyAlgorithm?": str,
    "keySize?": int,
    "keyType?": str,
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
    "suspendNotifications?": bool,
}
LOCATION = {"id": int, "locationType": str, "name?": str, "details": {"*": str}}
DCV_OF_CERTIFICATE = {
    "dcvLog": {
        "error": {"code": int, "description?": str},
        "log": [
            {
                "dcvStatus": str,
                "domainName": str,
                "lastCheck?": str,
                "nextCheck?": str,
                "dcvDate?": str,
                "dcvEmailRefNumber?": int,
            }
        ],
    },
    "instructions?": [
        {
            "domainName": str,
            "dcvMode": str,
            "host?": str,
            "point?": str,
            "url?": str,
            "file?": str,
            "dcvEmail?": str,
        }
    ],
}
DEPARTMENT = {"id": int, "name": str, "parentName?": str, "certTypes?": [str]}
ORGANIZATION = {**DEPARTMENT, "departments?": [DEPARTMENT]}
ORGANIZATION_DETAILS = {
    "id": int,
    "name": str,
    "parentId?": int,
    "parentName?": str,
    "parentSecondaryName?": str,
    "certTypes?": [str],
    "departments?": [DEPARTMENT],
    "secondaryName?": str,
    "alias?": str,
    "schacHomeOrganization?": str,
    "contactEmails?": str,
    "contactWebhook?": str,
    "contactSlack?": str,
    "contactTeams?": str,
    "address1?": str,
    "address2?": str,
    "address3?": str,
    "city?": str,
    "stateOrProvince?": str,
    "postalCode?": str,
    "country?": str,
    "validationStatus?": str,
    "secondaryValidationStatus?": str,
    "clientCertificate?": {
        "allowKeyRecoveryByMasterAdmins?": bool,
        "allowKeyRecoveryByOrgAdmins?": bool,
        "allowKeyRecoveryByDepartmentAdmins?": bool,
    },
    "sslCertsApiEnabled": bool,
    "clientCertsApiEnabled": bool,
}
VALIDATION = {
    "id": int,
    "validationLevel": str,
    "status": str,
    "backgroundStatus?": str,
    "submitted?": str,
    "expires?": str,
    "alternative": bool,
    "backendId?": int,
    "backendType": str,
}
VALIDATION_DETAILS = {
    **VALIDATION,
    "backgroundSubmitted?": str,
    "settings?": Any,
    "validator?": Any,
    "organizationDetails?": Any,
}
DOMAIN = {
    "id": int,
    "name": str,
    "delegationStatus": str,
    "state": str,
    "validationStatus?": str,
    "validationMethod?": str,
    "dcvValidation?": str,
    "dcvExpiration?": str,
    "delegations": [{"orgId": int, "certTypes": [str], "domainCertificateRequestPrivileges?": [str], "status": str}],
    "ctLogMonitoring?": {"bucketId?": str, "enabled": bool, "includeSubdomains?": bool},
}
DCV = {
    "domain": str,
    "dcvStatus": str,
    "dcvMethod?": str,
    "dcvOrderStatus": str,
    "dcvOrderMethod?": str,
    "expirationDate?": str,
}
DCV_STATUS = {
    "status": str,
    "validationDate?": str,
    "expirationDate?": str,
    "orderStatus": str,
    "orderMode?": str,
    "url?": str,
    "firstLine?": str,
    "secondLine?": str,
    "host?": str,
    "point?": str,
    "validationEmail?": str,
    "emailValidationReferenceNumber?": str,
    "orderBackendId?": str,
    "submittedDate?": str,
    "lastCheck?": str,
    "nextCheck?": str,
}
ADMIN = {"id": int, "type": str, "login": str, "forename": str, "surname": str, "email": str}
ADMIN_DETAILS = {
    "id": int,
    "type": str,
    "login?": str,
    "forename?": str,
    "surname?": str,
    "email?": str,
    "status?": str,
    "activeState?": str,
    "activeStatus?": str,
    "title?": str,
    "phone?": str,
    "address?": str,
    "city?": str,
    "state?": str,
    "country?": str,
    "zip?": str,
    "locale?": str,
    "relationship?": str,
    "created?": str,
    "modified?": str,
    "deleted?": str,
    "reseted?": str,
    "lastPasswordChange?": str,
    "passwordState?": str,
    "passwordExpiryDate?": str,
    "authCert?": str,
    "clientAdminCreator?": int,
    "identityProviderId?": int,
    "idp?": str,
    "idpPersonId?": str,
    "idpLoginInvited?": str,
    "templateId?": int,
    "credentials": [{"role": str, "orgId?": int}],
    "privileges": [str],
    "failedAttempts?": int,
    "failedDate?": str,
}
REPORT_ROW = {
    "id": int,
    "type": str,
    "typeId": int,
    "orgId": int,
    "organizationName": str,
    "commonName": str,
    "subjAltNames?": str,
    "status": str,
    "term": int,
    "requester?": str,
    "approver?": str,
    "externalRequester?": str,
    "comments?": str,
    "requested?": str,
    "approved?": str,
    "issued?": str,
    "declined?": str,
    "downloaded?": str,
    "expires?": str,
    "revoked?": str,
    "replaced?": str,
    "issuer?": str,
    "serialNumber?": str,
    "orderNumber?": int,
    "backendCertId?": str,
    "requestedVia?": str,
    "publicKeyAlg?": str,
    "publicKeySize?": str,
    "publicKeyType?": str,
    "sha1?": str,
    "md5?": str,
    "ipAddresses?": str,
    "city?": str,
    "state?": str,
    "country?": str,
    "customFields?": [CUSTOM_FIELD],
    "servers?": int,
    "serverType?": str,
}
TOKEN = {"access_token": str, "expires_in": int, "token_type": str, "scope?": str}
COUNTED = ("X-Total-Count",)
FILE = ("Content-Disposition",)
REPORT = (*FILE, "Cache-Control", "Pragma")

SHAPES: Mapping[str, Shape] = {
    "GET /api/ssl/v1": Shape(200, [IDENTITY], COUNTED),
    "HEAD /api/ssl/v1": Shape(200, None, COUNTED),
    "PUT /api/ssl/v1": Shape(200, CERTIFICATE),
    "GET /api/ssl/v1/types": Shape(200, [PROFILE]),
    "GET /api/ssl/v1/customFields": Shape(200, [{"id": int, "name": str, "mandatory": bool}]),
    "POST /api/ssl/v1/enroll": Shape(200, {"sslId": int, "renewId": str}),
    "GET /api/ssl/v1/collect/{sslId}": Shape(200, OCTETS, FILE),
    "GET /api/ssl/v1/collect/{sslId}/{format}": Shape(200, OCTETS, FILE),
    "POST /api/ssl/v1/renewById/{sslId}": Shape(200, {"sslId": int}),
    "POST /api/ssl/v1/renew/{renewId}": Shape(204),
    "POST /api/ssl/v1/renew/manual/{sslId}": Shape(204),
    "POST /api/ssl/v1/replace/{sslId}": Shape(204),
    "POST /api/ssl/v1/approve/{sslId}": Shape(204),
    "POST /api/ssl/v1/decline/{sslId}": Shape(204),
    "POST /api/ssl/v1/revoke/{sslId}": Shape(204),
    "POST /api/ssl/v1/revoke/serial/{serialNumber}": Shape(204),
    "POST /api/ssl/v1/revoke/manual": Shape(204),
    "GET /api/ssl/v1/{sslId}": Shape(200, CERTIFICATE),
    "DELETE /api/ssl/v1/{sslId}": Shape(204),
    "GET /api/ssl/v1/{sslId}/dcv": Shape(200, DCV_OF_CERTIFICATE),
    "POST /api/ssl/v1/{sslId}/dcv/recheck": Shape(202, DCV_OF_CERTIFICATE),
    "GET /api/ssl/v1/{sslId}/location": Shape(200, [LOCATION]),
    "POST /api/ssl/v1/{sslId}/location": Shape(201, None, ("Location",)),
    "GET /api/ssl/v1/{sslId}/location/{locationId}": Shape(200, LOCATION),
    "PUT /api/ssl/v1/{sslId}/location/{locationId}": Shape(200),
    "DELETE /api/ssl/v1/{sslId}/location/{locationId}": Shape(204),
    "GET /api/organization/v1": Shape(200, [ORGANIZATION]),
    "GET /api/organization/v1/report-type/{reportType}": Shape(200, [ORGANIZATION]),
    "GET /api/organization/v1/managedBy/{role}": Shape(200, [DEPARTMENT]),
    "GET /api/organization/v1/managed-by/{role}": Shape(200, [DEPARTMENT]),
    "GET /api/organization/v1/{orgId}": Shape(200, ORGANIZATION_DETAILS),
    "GET /api/organization/v2/{orgId}/validations": Shape(200, [VALIDATION]),
    "GET /api/organization/v2/{orgId}/validations/{validationId}": Shape(200, VALIDATION_DETAILS),
    "GET /api/domain/v1": Shape(200, [{"id": int, "name": str}], COUNTED),
    "POST /api/domain/v1": Shape(201, None, ("Location",)),
    "GET /api/domain/v1/count": Shape(200, {"count": int}),
    "GET /api/domain/v1/{domainId}": Shape(200, DOMAIN),
    "DELETE /api/domain/v1/{domainId}": Shape(204),
    "PUT /api/domain/v1/{domainId}/activate": Shape(200),
    "PUT /api/domain/v1/{domainId}/suspend": Shape(200),
    "POST /api/domain/v1/delegation": Shape(200),
    "POST /api/domain/v1/{domainId}/delegation": Shape(200),
    "DELETE /api/domain/v1/{domainId}/delegation": Shape(200),
    "POST /api/domain/v1/{domainId}/delegation/approve": Shape(200),
    "POST /api/domain/v1/{domainId}/delegation/reject": Shape(200),
    "GET /api/dcv/v1/validation": Shape(200, [DCV], COUNTED),
    "GET /api/dcv/v2/validation": Shape(200, [DCV], COUNTED),
    "POST /api/dcv/v1/validation/status": Shape(200, DCV_STATUS),
    "POST /api/dcv/v2/validation/status": Shape(200, DCV_STATUS),
    "GET /api/admin/v1": Shape(200, [ADMIN], COUNTED),
    "GET /api/admin/v1/{adminId}": Shape(200, ADMIN_DETAILS),
    "GET /api/admin/v1/password": Shape(200, {"expirationDate?": str, "state": str}),
    "POST /api/admin/v1/changepassword": Shape(204),
    "POST /api/report/v1/ssl-certificates": Shape(
        200, {"statusCode": int, "message?": str, "reports": [REPORT_ROW]}, REPORT
    ),
    "POST /auth/realms/apiclients/protocol/openid-connect/token": Shape(200, TOKEN, ("Cache-Control",)),
}
"""Every operation by its name."""
