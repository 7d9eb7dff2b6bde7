"""Enumerations in their two dialects: constants and labels (SCM reference §8.1, §8.2)."""

from __future__ import annotations

from .dials import Dials

_LABELS = {
    "VALIDATED": "Validated",
    "NOT_VALIDATED": "Not validated",
    "EXPIRED": "Expired",
    "NOT_INITIATED": "Not initiated",
    "SUBMITTED": "Submitted",
}


def enum_shown(constant: str, dials: Dials) -> str:
    """Return *constant* or its label, as the dial enum_dialect says."""
    return _LABELS.get(constant, constant) if dials.enum_dialect == "labels" else constant


def method_shown(dials: Dials) -> str:
    """Return how domains were validated, a word that goes with the dialect: the vendor's example, or OpenAPI's enum."""
    return "CNAME_CSR_HASH" if dials.enum_dialect == "labels" else "EMAIL"


def same_enum(shown: str, wanted: str) -> bool:
    """Return whether two words of either dialect mean the same."""
    return shown.upper().replace(" ", "_") == wanted.upper().replace(" ", "_")
