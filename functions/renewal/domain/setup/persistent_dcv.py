"""The DNS record of persistent domain validation, by which the CA validates a domain again without the RAO.

A TXT record at `_validation-persist.<name>`, or at a name above, in the syntax of RFC 8659 §4.2 `issue-value`: the CA's
domain name, `accounturi` and perhaps `persistUntil` (BR §3.2.2.4.22). Its account is known to the CA alone, so it is
never composed here. Several CAs may each have one there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from renewal.domain.errors import shortened

LABEL = "_validation-persist"
ISSUERS = frozenset({"sectigo.com", "trust-provider.com", "usertrust.com"})
"""The issuer domain names of Sectigo's CAA records, one of which the record must have (CPS §4.2)."""
NO_RECORD = "there is no record"
MOST_ISSUERS, LONGEST_ISSUER = 3, 64  # of other CAs, in a text that is stored

_NAME = r"[a-z0-9]+(?:-+[a-z0-9]+)*"
_VALUE = re.compile(
    rf"[ \t]*(?P<issuer>{_NAME}(?:\.{_NAME})*)?[ \t]*(?:;(?P<parameters>.*))?", re.IGNORECASE | re.DOTALL
)
_PARAMETER = re.compile(rf"[ \t]*(?P<tag>{_NAME})[ \t]*=[ \t]*(?P<value>[\x21-\x3a\x3c-\x7e]*)[ \t]*", re.IGNORECASE)
_LAST_SECOND = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())


@dataclass(frozen=True, slots=True)
class PersistentRecord:
    """The best record of Sectigo's that DNS has for a domain entry."""

    fault: str = ""
    """Why Sectigo cannot use it; empty when it can."""
    until: datetime | None = None
    """`persistUntil`, after which it is worth nothing; None = no end."""

    def is_live(self, now: datetime) -> bool:
        """Return whether Sectigo can validate the domain by it."""
        return not self.fault and (self.until is None or now < self.until)

    def fault_at(self, now: datetime) -> str:
        """Return why it is of no use at *now*; empty when it is live."""
        ended = f"its persistUntil was {self.until:%Y-%m-%d}" if self.until and not self.is_live(now) else ""
        return self.fault or ended


def places(entry: str) -> Iterator[str]:
    """Yield where the record of a domain entry may be: at the name itself, then at each name above it."""
    labels = entry.removeprefix("*.").split(".")
    for first in range(max(len(labels) - 1, 1)):
        yield ".".join((LABEL, *labels[first:]))


def record_in(texts: Iterable[str]) -> PersistentRecord:
    """Return the best of Sectigo's records among the TXT records *texts*: without a fault, and with the latest end."""
    parsed = [_parsed(text) for text in texts]
    ours = [_record(parameters) for issuer, parameters in parsed if issuer in ISSUERS]
    if ours:
        return max(ours, key=lambda record: (not record.fault, record.until or datetime.max.replace(tzinfo=UTC)))
    if not parsed:
        return PersistentRecord(NO_RECORD)
    others = sorted({shortened(issuer, LONGEST_ISSUER) for issuer, _ in parsed if issuer})[:MOST_ISSUERS]
    return PersistentRecord(f"the records are of {', '.join(others)}" if others else "the record has no CA's name")


def _parsed(text: str) -> tuple[str, dict[str, str] | None]:
    """The issuer domain name and the parameters by their tags in lower case; None when they are malformed."""
    value = _VALUE.fullmatch(text)
    if value is None:
        return "", None
    written = (value["parameters"] or "").strip(" \t")
    matches = [_PARAMETER.fullmatch(part) for part in written.split(";")] if written else []
    parameters = {match["tag"].lower(): match["value"] for match in matches if match}
    return (value["issuer"] or "").lower(), parameters if len(parameters) == len(matches) else None


def _record(parameters: dict[str, str] | None) -> PersistentRecord:
    if parameters is None:
        return PersistentRecord("it is not in the syntax of RFC 8659 (issue-value)")
    if not parameters.get("accounturi"):
        return PersistentRecord("it has no accounturi")
    until = parameters.get("persistuntil")
    if until is None:
        return PersistentRecord()
    if not re.fullmatch(r"[0-9]{1,15}", until):
        return PersistentRecord("its persistUntil is not a number of seconds")
    return PersistentRecord(until=datetime.fromtimestamp(min(int(until), _LAST_SECOND), UTC))
