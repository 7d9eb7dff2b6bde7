"""Algorithm and size of a certificate's key; `keypair` has the keys."""

from __future__ import annotations

from enum import StrEnum


class KeyType(StrEnum):
    """Algorithm and size; the value is the one in delegation files."""

    RSA_2048 = "RSA-2048"
    RSA_3072 = "RSA-3072"
    RSA_4096 = "RSA-4096"
    P_256 = "P-256"
    P_384 = "P-384"

    @property
    def algorithm(self) -> str:
        """`RSA` or `EC`, as in SCM's `keyTypes` (SCM reference §5.3)."""
        return "RSA" if self.value.startswith("RSA") else "EC"

    @property
    def size(self) -> str:
        """`2048` … or `P-256` …, as in SCM's `keyTypes`."""
        return self.value.removeprefix("RSA-")
