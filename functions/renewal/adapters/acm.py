"""ACM in any region: import, re-import into the same ARN, and never a second copy.

ACM keeps one certificate per ARN and discards the previous one. It imports once a second per region; when it is
busy, the state machine retries later. Rules: AWS, acm/latest/userguide, import-reimport.html and
import-certificate-prerequisites.html.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import TYPE_CHECKING, Any

from renewal.adapters.acm_rules import (
    CERTIFICATE_TAG,
    DELEGATION_TAG,
    HeldCertificate,
    require_algorithm_of_issuer,
    require_ours,
    require_same_key_type,
    require_usages_kept,
)
from renewal.adapters.aws import translated
from renewal.domain.certificate.key_usages import KEY_USAGES
from renewal.domain.certificate.serial import normalised_serial
from renewal.domain.errors import (
    AcmCertificateMissing,
    AcmQuotaReached,
    AcmRefused,
    AcmWouldRefuse,
    RenewalError,
    StoreUnavailable,
)
from renewal.domain.order import ManagedCertificate
from renewal.ports.stores import ArnUse, CertificateWithKey

if TYPE_CHECKING:
    from mypy_boto3_acm.client import ACMClient
    from mypy_boto3_acm.literals import KeyAlgorithmType

MAX_KEY = 5_120  # bytes of PEM (AWS: acm/latest/userguide/import-certificate-prerequisites.html)

EVERY_KEY_TYPE: tuple[KeyAlgorithmType, ...] = (
    "RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1",
)  # fmt: skip
"""ListCertificates shows only RSA up to 2048 bits unless other key types are requested."""

_USAGE_OIDS = {
    "TLS_WEB_SERVER_AUTHENTICATION": "1.3.6.1.5.5.7.3.1",
    "TLS_WEB_CLIENT_AUTHENTICATION": "1.3.6.1.5.5.7.3.2",
    "CODE_SIGNING": "1.3.6.1.5.5.7.3.3",
    "EMAIL_PROTECTION": "1.3.6.1.5.5.7.3.4",
    "TIME_STAMPING": "1.3.6.1.5.5.7.3.8",
    "OCSP_SIGNING": "1.3.6.1.5.5.7.3.9",
}
"""For answers that give an extended key usage by its name only (RFC 5280 §4.2.1.12)."""

_MISSING: dict[str, type[RenewalError]] = {
    "ResourceNotFoundException": AcmCertificateMissing,
    "InvalidArnException": AcmCertificateMissing,
}
_IMPORT_ERRORS: dict[str, type[RenewalError]] = _MISSING | {
    "ConflictException": StoreUnavailable,
    "LimitExceededException": AcmQuotaReached,
    "ValidationException": AcmRefused,
    "InvalidParameterException": AcmRefused,
    "InvalidTagException": AcmRefused,
    "TooManyTagsException": AcmRefused,
    "TagPolicyException": AcmRefused,
}


class Acm:
    """Imports certificates; *client_for* returns the client of a region."""

    def __init__(self, client_for: Callable[[str], ACMClient]) -> None:
        self._client_for = client_for

    def stored_serial(self, region: str, arn: str) -> str:
        try:
            return self._held(region, arn).serial if arn else ""
        except AcmCertificateMissing:
            return ""

    def use(self, region: str, arn: str) -> ArnUse | None:
        try:
            held = self._held(region, arn)
        except AcmCertificateMissing:
            return None
        return ArnUse(held.in_use_by, held.expires) if held.in_use_by else None

    def refusal(self, certificate: ManagedCertificate, region: str) -> RenewalError | None:
        spec, stored = certificate.spec, certificate.stored
        arn = certificate.arn_in(region, spec.key_type)
        try:
            if arn is not None:
                held = self._held(region, arn)
                require_ours(held, self._tags(region, arn), spec, stored.serial if stored else "")
                require_same_key_type(held, spec.key_type)
        except RenewalError as error:
            return error
        return None

    def find(self, pair: CertificateWithKey, region: str) -> str | None:
        """The name narrows the search, the serial decides. Raises StoreUnavailable while ACM shows only a part."""
        leaf = pair.chain.leaf
        names = {*leaf.names, *leaf.common_names}
        for arn, name in self._imported(region):
            if name not in names:
                continue
            try:
                serial = self._held(region, arn).serial
            except AcmCertificateMissing:  # listed and not described: just made, or just deleted
                msg = f"ACM in {region} lists {arn} and does not describe it"
                raise StoreUnavailable(msg) from None
            if serial == leaf.serial:
                return arn
        return None

    def put(self, pair: CertificateWithKey, region: str, arn: str | None) -> str:
        """Raises StoreNotOurs or AcmWouldRefuse before the import, AcmRefused, AcmQuotaReached, AcmCertificateMissing.

        ACM's answer to the import decides: DescribeCertificate may still show what the ARN held before.
        """
        _require_importable(pair)
        if arn is None:
            return self._import(pair, region, None)
        held, leaf = self._held(region, arn), pair.chain.leaf
        if held.serial != leaf.serial:
            require_ours(held, self._tags(region, arn), pair.spec, pair.replaces)
            require_same_key_type(held, pair.key.key_type)
            require_usages_kept(held, pair.key.key_type, extended=leaf.extended_key_usages, key_usages=leaf.key_usages)
            self._import(pair, region, arn)
        return arn

    # ---- Calls -----------------------------------------------------------------------------------------

    @translated("acm:DescribeCertificate", _MISSING)
    def _held(self, region: str, arn: str) -> HeldCertificate:
        described: Any = self._client_for(region).describe_certificate(CertificateArn=arn)["Certificate"]
        return HeldCertificate(
            arn=arn,
            region=region,
            serial=normalised_serial(described.get("Serial", "")),
            key_algorithm=str(described.get("KeyAlgorithm", "")),
            kind=str(described.get("Type", "")),
            in_use_by=tuple(sorted(described.get("InUseBy", ()))),
            expires=described["NotAfter"].astimezone(UTC).date() if "NotAfter" in described else None,
            names=frozenset(name.lower() for name in described.get("SubjectAlternativeNames", [])),
            extended_key_usages=_usages(described.get("ExtendedKeyUsages", [])),
            key_usages=frozenset(
                usage["Name"] for usage in described.get("KeyUsages", []) if usage.get("Name") in KEY_USAGES.values()
            ),
        )

    @translated("acm:ListTagsForCertificate", _MISSING)
    def _tags(self, region: str, arn: str) -> dict[str, str]:
        tags = self._client_for(region).list_tags_for_certificate(CertificateArn=arn)["Tags"]
        return {str(tag["Key"]): str(tag.get("Value", "")) for tag in tags}

    @translated("acm:ListCertificates")
    def _imported(self, region: str) -> list[tuple[str, str]]:
        """ARN and name, in lower case, of each certificate."""
        paginator: Any = self._client_for(region).get_paginator("list_certificates")
        pages = paginator.paginate(Includes={"keyTypes": list(EVERY_KEY_TYPE)}, PaginationConfig={"PageSize": 1000})
        summaries = [summary for page in pages for summary in page["CertificateSummaryList"]]
        return [(summary["CertificateArn"], summary.get("DomainName", "").lower()) for summary in summaries]

    @translated("acm:ImportCertificate", _IMPORT_ERRORS)
    def _import(self, pair: CertificateWithKey, region: str, arn: str | None) -> str:
        """Import into *arn*, where ACM permits no tags; None = a new one."""
        tags = {DELEGATION_TAG: pair.spec.delegation, CERTIFICATE_TAG: pair.spec.name}
        new: Any = {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        client = self._client_for(region)
        # On an idle connection, which a gateway may have forgotten, an import has no answer.
        client.close()
        answer = client.import_certificate(**({"CertificateArn": arn} if arn else new), **_parts(pair))
        return answer["CertificateArn"]


def _require_importable(pair: CertificateWithKey) -> None:
    size = len(pair.key.pem())
    if size > MAX_KEY:
        msg = f"the private key of {pair.spec.path} has {size} bytes; ACM accepts {MAX_KEY} at most"
        raise AcmWouldRefuse(msg)
    require_algorithm_of_issuer(pair.chain)


def _parts(pair: CertificateWithKey) -> Any:
    """Exactly one certificate, its issuers separately, and the key; botocore encodes them."""
    return {
        "Certificate": pair.chain.leaf.pem().encode(),
        "CertificateChain": pair.chain.issuers_pem().encode(),
        "PrivateKey": pair.key.pem(),
    }


def _usages(described: list[Any]) -> frozenset[str]:
    oids = (usage.get("OID") or _USAGE_OIDS.get(usage.get("Name", "")) for usage in described)
    return frozenset(str(oid) for oid in oids if oid)
