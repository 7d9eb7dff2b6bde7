"""Checks step 4 of the setup: which names are delegated, their validation, and what is delegated beyond them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from renewal.domain.calendar import phase_at
from renewal.domain.delegation import Delegation
from renewal.domain.names import is_wildcard, permits
from renewal.domain.setup.check_result import STEP_PREFIX, CheckResult, CheckStatus, SetupStep, manual, passed, warning
from renewal.domain.setup.persistent_dcv import NO_RECORD, places
from renewal.domain.setup.snapshot import DelegatedName, Domains, dcv_of, entry_for

RECORD_NOTICE = timedelta(days=30)
"""How long before the end of a persistent record it is reported: a change of DNS may pass several hands."""
NAME_EXTRA, WIDER_THAN_WANTED = "NameExtra", "WiderThanWanted"
"""Codes: an entry is delegated that was not agreed; the second is of one that permits a name that was."""
MOST_NAMES = 8  # listed in one sentence
DOMAIN_CODES = frozenset(
    {
        "BaseNotDelegated", "DcvLapsed", "DcvMissing", "DelegationNotActive", "NameNotDelegated", "NotForSsl",
        "ParentOnly", "StarNotDelegated",
    }
)  # fmt: skip
"""Codes of the faults because of which nothing can be ordered for the names in the text."""


def domain_results(delegation: Delegation, wanted: Iterable[str], domains: Domains, now: datetime) -> list[CheckResult]:
    """Return the results of step 4: one for each fault, however many names it affects."""
    names, listed = tuple(wanted), domains.entries()
    faults: dict[_Fault, list[str]] = {}
    for name in names:
        if fault := _fault_of(name, domains, listed, now):
            faults.setdefault(fault, []).append(name)
    results = [fault.result(affected) for fault, affected in faults.items()]
    results += [result for entry in domains.delegated for result in _too_wide(entry, delegation, names)]
    results += _more_than_agreed(domains.others)
    if domains.unread:
        text = f"{some(domains.unread)}: SCM did not show these entries in time. Check manually, or run it again"
        results.append(manual(SetupStep.DOMAINS, text))
    if results:
        return results
    expires = dcv_of(domains.delegated, names, now)
    until = f"; the first validation expires on {expires}" if expires else ""
    return [passed(SetupStep.DOMAINS, f"{some(names)}: delegated for SSL{until}")]


def dcv_soon(now: datetime) -> timedelta:
    """Return how long before its expiry a domain validation is reported: a sixth of the time it may be reused.

    That is 33 days of the 198 of 2026, and two of the ten of 2029 (`renewal.domain.calendar`).
    """
    return timedelta(days=round(phase_at(now).dcv_reuse_days / 6))


@dataclass(frozen=True, slots=True)
class _Fault:
    status: CheckStatus
    code: str
    sentence: str
    due: date | None = None
    entry: str = ""

    def result(self, names: list[str]) -> CheckResult:
        text = f"{some(names)}: {self.sentence}"
        return CheckResult(SetupStep.DOMAINS, self.status, self.code, text, due=self.due, about=self.entry)


def some(names: Iterable[str]) -> str:
    """Return the first *names* and how many there are besides."""
    listed = tuple(names)
    more = f" and {len(listed) - MOST_NAMES} more" if len(listed) > MOST_NAMES else ""
    return ", ".join(listed[:MOST_NAMES]) + more


def list_in(text: str) -> str:
    """Return the part of the *text* of a finding with one of DOMAIN_CODES that lists names; its sentence has others."""
    return text.removeprefix(f"{STEP_PREFIX}{SetupStep.DOMAINS}: ").partition(": ")[0]


def is_listed(text: str, names: Iterable[str]) -> bool:
    """Return whether the *text* of a finding with one of DOMAIN_CODES lists one of *names*."""
    return not set(list_in(text).replace(",", " ").split()).isdisjoint(names)


def is_cut(text: str) -> bool:
    """Return whether a finding with one of DOMAIN_CODES is about more names than its *text* lists."""
    return " more: " in text


def _fault_of(name: str, domains: Domains, listed: set[str], now: datetime) -> _Fault | None:
    entry = entry_for(domains.delegated, name)
    if entry is None and any(permits(unread, name) for unread in domains.unread):
        return None
    if entry is None:
        return _Fault(CheckStatus.FAILED, *_not_delegated(name, listed))
    if not entry.is_active:
        sentence = f"the delegation of {entry.entry} waits for approval, or the domain is suspended"
        return _Fault(CheckStatus.FAILED, "DelegationNotActive", sentence, entry=entry.entry)
    if "SSL" not in entry.certificate_types:
        return _Fault(
            CheckStatus.FAILED, "NotForSsl", f"{entry.entry} is delegated, but not for SSL", entry=entry.entry
        )
    return _validation(entry, now)


def is_usable(entry: DelegatedName | None, now: datetime) -> bool:
    """Return whether an order for a name that *entry* permits can be issued now."""
    if entry is None or not entry.is_active or "SSL" not in entry.certificate_types:
        return False
    fault = _validation(entry, now)
    return fault is None or fault.status is not CheckStatus.FAILED


def _not_delegated(name: str, entries: set[str]) -> tuple[str, str]:
    base = name.removeprefix("*.")
    if is_wildcard(name) and base in entries:
        return "StarNotDelegated", f"not delegated: {base} permits exactly that name; delegate *.{base} too"
    if f"*.{base}" in entries:
        return "BaseNotDelegated", f"not delegated: *.{base} permits what is below it; delegate {base} too"
    if parent := next((entry for entry in sorted(entries) if base.endswith(f".{entry}")), ""):
        return "ParentOnly", f"not delegated: {parent} permits exactly that name and nothing below it"
    return "NameNotDelegated", "not delegated to the department"


def _validation(entry: DelegatedName, now: datetime) -> _Fault | None:
    what, expires = f"domain control validation of {entry.entry}", entry.dcv_expires
    has_ended = entry.dcv_status == "EXPIRED" or (expires is not None and expires <= now.date())
    if has_ended and not entry.is_renewed(now):
        sentence = f"the {what} {f'expired on {expires}' if expires else 'has expired'}"
        return _Fault(CheckStatus.FAILED, "DcvLapsed", sentence, entry=entry.entry)
    is_known = entry.dcv_status in {"", "VALIDATED", "EXPIRED"}
    # SCM may have another word for a persistent validation: beside a later expiry it is no fault.
    if entry.dcv_status == "NOTVALIDATED" or (not is_known and expires is None):
        sentence = f"the {what} is missing ({entry.dcv_status.lower()})"
        return _Fault(CheckStatus.FAILED, "DcvMissing", sentence, entry=entry.entry)
    if entry.is_persistent(now):
        return _persistent_record(entry, now)
    if expires and expires - now.date() <= dcv_soon(now):
        sentence = f"the {what} expires on {expires}; renew it{_record_beside(entry, now)}"
        return _Fault(CheckStatus.WARNING, "DcvLapsing", sentence, expires, entry.entry)
    return None


def _record_beside(entry: DelegatedName, now: datetime) -> str:
    """Why a persistent record that DNS has does not renew the validation."""
    fault = entry.persistent.fault_at(now) if entry.persistent else ""
    return f" (its persistent record cannot be used: {fault})" if fault not in {"", NO_RECORD} else ""


def _persistent_record(entry: DelegatedName, now: datetime) -> _Fault | None:
    """The record decides, not SCM's date. The remedy is SCM's own record: its account is not known here."""
    record, place = entry.persistent, next(places(entry.entry))
    if record is None:
        return None
    if fault := record.fault_at(now):
        sentence = (
            f"{entry.entry} is validated persistently, but the TXT record at {place} cannot be used ({fault}); "
            "publish the record that SCM shows"
        )
        return _Fault(CheckStatus.WARNING, "PersistentRecordUnusable", sentence, entry=entry.entry)
    if record.until and record.until - now <= RECORD_NOTICE:
        ends = record.until.date()
        sentence = f"{entry.entry} is validated persistently until {ends} (persistUntil of the TXT record at {place})"
        sentence += "; publish a new one from SCM"
        return _Fault(CheckStatus.WARNING, "PersistentRecordEnding", sentence, ends, entry.entry)
    return None


def _more_than_agreed(entries: tuple[str, ...]) -> list[CheckResult]:
    """The entries that concern no name: one result, however many they are."""
    if not entries:
        return []
    which = f"{entries[0]} is" if len(entries) == 1 else f"{some(entries)} are"
    text = f"{which} delegated, but not agreed: the account could order more than it should; withdraw the delegation"
    return [warning(SetupStep.DOMAINS, NAME_EXTRA, text, about=some(entries))]


def _too_wide(entry: DelegatedName, delegation: Delegation, wanted: tuple[str, ...]) -> list[CheckResult]:
    results = []
    if extra := entry.certificate_types - {"SSL"}:
        text = f"{entry.entry} is delegated for {', '.join(sorted(extra))} too; only SSL was agreed"
        results.append(warning(SetupStep.DOMAINS, "TypesExtra", text, about=entry.entry))
    if entry.entry not in delegation.delegated_names:
        used = is_wildcard(entry.entry) and any(permits(entry.entry, name) for name in wanted)
        code = WIDER_THAN_WANTED if used else NAME_EXTRA
        remedy = "delegate the exact names instead" if used else "withdraw it"
        text = f"{entry.entry} is delegated, but was not agreed: the account could order more than it should; {remedy}"
        results.append(warning(SetupStep.DOMAINS, code, text, about=entry.entry))
    return results
