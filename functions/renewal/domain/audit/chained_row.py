"""What every audit row has as a part of its delegation's chain."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainedRow:
    """A row of the audit trail; `renewal.domain.audit.hash_chain` adds these members."""

    sequence: int | None = field(default=None, compare=False)
    """Its number in the delegation's chain; None in rows of earlier versions."""
    previous_hash: str = field(default="", compare=False)
    """Hash of the row before."""
    identity: str = field(default="", compare=False)
    """Which function, or which operator by ARN, has added it."""
