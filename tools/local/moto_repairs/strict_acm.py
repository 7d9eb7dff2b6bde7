"""Rules of ACM that moto does not enforce: chain, key, usage, tags, rates and quotas of imports.

Source: ACM user guide, "Prerequisites for importing", "Certificate and key format", "Reimport", "Quotas",
"Troubleshoot import". Error names are AWS's; texts are AWS's where a public record of them exists.
"""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from moto.acm.exceptions import AWSValidationException
from moto.acm.models import AWSCertificateManagerBackend as Backend
from moto.acm.models import CertBundle
from moto.acm.responses import AWSCertificateManagerResponse as Response
from moto.core.exceptions import AWSError

from local.moto_repairs.certificate_facts import dropped_usages, extended_key_usages, key_algorithm, key_usages, serial

LISTED_BY_DEFAULT = frozenset({"RSA_1024", "RSA_2048"})
_PEM_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_BAD_CHAIN = (
    "Unable to validate certificate chain. The certificate chain must start with the immediate signing"
    " certificate, followed by any intermediaries in order."
    " The index within the chain of the invalid certificate is: {index}"
)


class Throttled(AWSError):
    """The request rate of an API was exceeded."""

    TYPE = "ThrottlingException"


class QuotaExceeded(AWSError):
    """A quota of the account was reached."""

    TYPE = "LimitExceededException"


class StrictAcm:
    """ACM's rules, for all regions; the members may be changed at any time.

    imports_per_second: ImportCertificate calls a second and region (AWS: 1), None for no limit, 0 for none at
        all. Scaled by `wait_factor` like every other wait, so that a shortened run is not slowed down by it.
    throttled_regions: where no import is taken at all.
    imports_per_year: imports and re-imports in the life of this process and region (AWS: 5000), or None.
    """

    def __init__(self, wait_factor: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.imports_per_second: float | None = 1.0
        self.imports_per_year: int | None = 5000
        self.throttled_regions: tuple[str, ...] = ()
        self._wait_factor = wait_factor
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}
        self._imported: dict[str, int] = defaultdict(int)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Put the rules in front of moto's ACM for as long as the context lasts."""
        importing, describing = Backend.import_certificate, CertBundle.describe
        listing = Response.list_certificates

        def import_certificate(
            backend: Any,
            certificate: bytes,
            private_key: bytes,
            chain: bytes | None,
            arn: str | None,
            tags: Any,
        ) -> str:
            self._admit(backend.region_name)
            held = None if arn is None else backend.get_certificate(arn)._cert
            if held is not None and tags:
                _refuse("Tagging is not permitted on re-import.")
            _check(certificate, private_key, chain or b"", held)
            arn = importing(backend, certificate, private_key, chain, arn, tags)
            backend._certificates[arn].chain = chain or b""  # moto adds a root of its own
            self._imported[backend.region_name] += 1
            return str(arn)

        with (
            patch.object(Backend, "import_certificate", import_certificate),
            patch.object(Backend, "list_certificates", _listed),
            patch.object(CertBundle, "describe", lambda bundle: _described(bundle, describing(bundle))),
            patch.object(Response, "list_certificates", lambda response: _summarised(listing(response))),
        ):
            yield

    def _admit(self, region: str) -> None:
        """Refuse an import over the rate or the quota."""
        with self._lock:
            now = self._clock()
            interval = self._wait_factor / self.imports_per_second if self.imports_per_second else 0.0
            is_throttled = self.imports_per_second == 0 or region in self.throttled_regions
            if is_throttled or now - self._last.get(region, -interval) < interval:
                message = "Rate exceeded"
                raise Throttled(message)
            self._last[region] = now
            quota = self.imports_per_year
            if quota is not None and self._imported[region] >= quota:
                message = f"You have imported the maximum number of {quota} certificates in the last year."
                raise QuotaExceeded(message)


def _check(certificate: bytes, private_key: bytes, chain: bytes, held: x509.Certificate | None) -> None:
    """Raise the error with which ACM refuses an import; `held` is what the ARN of a re-import holds."""
    leaf = _leaf(certificate)
    _check_key(private_key, leaf)
    _check_chain(leaf, _certificates(chain, "The certificate chain is not PEM-encoded or is not valid."))
    if held is not None:
        _check_replacement(leaf, held)


def _leaf(pem: bytes) -> x509.Certificate:
    """Return the one certificate; moto then refuses an expired one and one that is not valid yet."""
    certificates = _certificates(pem, "The certificate is not PEM-encoded or is not valid.")
    if not certificates:
        _refuse("The certificate is not PEM-encoded or is not valid.")
    if len(certificates) > 1:
        _refuse(
            "The certificate field contains more than one certificate."
            " You can specify only one certificate in this field."
        )
    return certificates[0]


def _certificates(pem: bytes, refusal: str) -> list[x509.Certificate]:
    try:
        certificates = [x509.load_pem_x509_certificate(block) for block in _PEM_CERTIFICATE.findall(pem)]
    except ValueError:
        _refuse(refusal)
        raise
    if _PEM_CERTIFICATE.sub(b"", pem).strip():
        _refuse(refusal)
    return certificates


def _check_key(pem: bytes, leaf: x509.Certificate) -> None:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (TypeError, ValueError):  # TypeError: it is encrypted
        _refuse("The private key is not PEM-encoded or is not valid.")
        raise
    if key.public_key() != leaf.public_key():
        _refuse("The private key doesn't match the certificate.")


def _check_chain(leaf: x509.Certificate, chain: list[x509.Certificate]) -> None:
    if not chain and not _certifies(leaf, leaf):
        _refuse(
            "Provided certificate is not a valid self signed. Please provide either a valid self-signed"
            " certificate or certificate chain."
        )
    for index, (issuer, subject) in enumerate(zip(chain, [leaf, *chain], strict=False)):
        if issuer == leaf or not _certifies(issuer, subject):
            _refuse(_BAD_CHAIN.format(index=index))
    if chain and type(chain[0].public_key()) is not type(leaf.public_key()):
        _refuse("The cryptographic algorithm of the certificate must match the algorithm of the signing CA.")


def _certifies(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _check_replacement(leaf: x509.Certificate, held: x509.Certificate) -> None:
    if key_algorithm(leaf) != key_algorithm(held):
        _refuse(
            f"The key type and size cannot be changed: the certificate holds {key_algorithm(held)},"
            f" not {key_algorithm(leaf)}."
        )
    dropped = dropped_usages(held, leaf)
    if dropped:
        _refuse(f"The key usage of a certificate cannot be removed on re-import: {', '.join(dropped)}.")


def _refuse(text: str) -> None:
    raise AWSValidationException(text)


def _listed(backend: Any, statuses: list[str] | None, includes: dict[str, Any] | None) -> Iterable[Any]:
    """Leave out every key type but RSA_1024 and RSA_2048 unless `Includes.keyTypes` names it, as ACM does."""
    wanted = set((includes or {}).get("keyTypes") or LISTED_BY_DEFAULT)
    for arn in list(backend._certificates):
        bundle = backend.get_certificate(arn)
        if key_algorithm(bundle._cert) in wanted and (not statuses or bundle.status in statuses):
            yield bundle


def _described(bundle: Any, answer: dict[str, Any]) -> dict[str, Any]:
    """Write serial, key algorithm and usages as DescribeCertificate does: `0f:ac:..`, `RSA-2048`."""
    answer["Certificate"].update(
        Serial=serial(bundle._cert),
        KeyAlgorithm=key_algorithm(bundle._cert).replace("_", "-", 1),
        KeyUsages=[{"Name": name} for name in key_usages(bundle._cert)],
        ExtendedKeyUsages=[{"Name": name, "OID": oid} for name, oid in extended_key_usages(bundle._cert).items()],
    )
    return answer


def _summarised(result: Any) -> Any:
    """Write usages as ListCertificates does: names only."""
    for summary in result.result["CertificateSummaryList"]:
        for member in ("KeyUsages", "ExtendedKeyUsages"):
            summary[member] = [usage["Name"] for usage in summary[member]]
    return result
