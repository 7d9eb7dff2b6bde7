"""The bits of the keyUsage extension (RFC 5280 §4.2.1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KEY_USAGES: Mapping[str, str] = MappingProxyType(
    {
        "digital_signature": "DIGITAL_SIGNATURE",
        "content_commitment": "NON_REPUDIATION",
        "key_encipherment": "KEY_ENCIPHERMENT",
        "data_encipherment": "DATA_ENCIPHERMENT",
        "key_agreement": "KEY_AGREEMENT",
        "key_cert_sign": "CERTIFICATE_SIGNING",
        "crl_sign": "CRL_SIGNING",
    }
)
"""ACM's names of the bits, by cryptography's."""
