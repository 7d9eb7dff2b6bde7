"""Incidents: what of a run's report needs somebody, put together by cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from certmandate.views.advice import EVERYBODY, Advice, advice_for, where
from renewal.steps.metrics import CREDENTIAL_ERRORS

Row = Mapping[str, Any]

NEEDS_SOMEBODY = frozenset({"failed", "held"})
EVERY_DELEGATION = "every delegation"
LOGIN_REFUSED = "LoginRefused"  # what the RAO's mail asks after a refused login; the page of a run says it already


@dataclass(frozen=True, slots=True)
class Incident:
    """One cause with everything that it stops."""

    title: str
    """The delegation, when it stops all of it; else `delegation/certificate`."""
    organisation: str
    error: str
    text: str
    """The error's own sentence."""
    paths: tuple[str, ...]
    """The certificates that were due and were not renewed because of it."""
    expires: datetime | None
    """When the first of them expires; None when none of them was ever issued."""
    ssl_id: int | None = None
    names: tuple[str, ...] = ()
    """The domain names of the certificate; empty for a whole delegation."""
    rao_email: str = ""
    password_expires: date | None = None
    """When the account's password expires, or was to expire; None when SCM has never said."""

    @property
    def advice(self) -> Advice:
        """What to do about it."""
        return EVERYBODY if self.title == EVERY_DELEGATION else advice_for(self.error)

    @property
    def where(self) -> str:
        """Where it is mended."""
        return self.advice.elsewhere if self.title == EVERY_DELEGATION else where(self.error)

    def then(self) -> str:
        """How renewal goes on once somebody has acted."""
        return self.advice.then.format(certificates=", ".join(f'"{path}"' for path in self.paths))

    def tells(self, delegation: str, finding: Row) -> bool:
        """Return whether a finding of *delegation* says only what this incident says already."""
        if self.title == EVERY_DELEGATION:
            return finding["code"] in {*CREDENTIAL_ERRORS, LOGIN_REFUSED}
        if finding["code"] == LOGIN_REFUSED and self.error == "CredentialRefused":
            return self.title == delegation
        if finding["code"] != self.error or self.title.partition("/")[0] != delegation:
            return False
        is_whole = self.title == delegation
        return is_whole or self.title == f"{delegation}/{finding['certificate']}" or self._is_named_in(finding["text"])

    def _is_named_in(self, text: str) -> bool:
        return any(name in text for name in self.names)

    def known(self, today: date) -> str:
        """What we know beyond SCM's answer, the same for every refused login; empty when that is nothing."""
        if self.error != "CredentialRefused" or self.password_expires is None:
            return ""
        if self.password_expires <= today:
            return f"its password was to expire on {self.password_expires}: that is most likely why"
        return f"its password is good until {self.password_expires}: look for a lock, or another password, first"


def incidents_of(report: Row) -> list[Incident]:
    """Return what needs somebody, soonest expiry first; what was never issued comes last."""
    delegations = {one["delegation"]: one for one in report["delegations"]}
    rows = [row for row in report["certificates"] if row["outcome"] in NEEDS_SOMEBODY]
    refused = _refused(report)
    found = [_of_all(report, [row for row in rows if row["delegation"] in refused])] if refused else []
    rows = [row for row in rows if row["delegation"] not in refused]
    broken = {name for name, one in delegations.items() if one["error"] and name not in refused}
    found += [_of_delegation(delegations[name], [row for row in rows if row["delegation"] == name]) for name in broken]
    found += [_of_certificate(row, delegations[row["delegation"]]) for row in rows if row["delegation"] not in broken]
    return sorted(found, key=lambda one: (one.expires is None, one.expires and one.expires.isoformat(), one.title))


def _refused(report: Row) -> set[str]:
    """The delegations of a common cause: one thing is wrong then, and N pages would send N people the wrong way."""
    if not report["common_cause"]:
        return set()
    return {one["delegation"] for one in report["delegations"] if one["error"] in CREDENTIAL_ERRORS}


def _of_all(report: Row, rows: list[Row]) -> Incident:
    return Incident(
        title=EVERY_DELEGATION,
        organisation="",
        error="AddressRefused",
        text=report["common_cause"],
        paths=tuple(_path(row) for row in rows),
        expires=_expires(rows),
    )


def days_left(row: Row, report: Row) -> int | None:
    """Return the days until what is served expires, negative when it has; None when nothing was ever issued."""
    expires = _expires([row])
    return whole_days(expires - datetime.fromisoformat(report["finished_at"])) if expires else None


def whole_days(span: timedelta) -> int:
    """Return the whole days of *span*, of a negative one too: `timedelta.days` makes six of minus five and a half."""
    return int(span / timedelta(days=1))


def _of_delegation(delegation: Row, rows: list[Row]) -> Incident:
    return Incident(
        title=delegation["delegation"],
        organisation=delegation["organisation"],
        error=delegation["error"],
        text=delegation["text"],
        paths=tuple(_path(row) for row in rows),
        expires=_expires(rows),
        rao_email=delegation["rao_email"],
        password_expires=_day(delegation["password_expires"]),
    )


def _of_certificate(row: Row, delegation: Row) -> Incident:
    return Incident(
        title=_path(row),
        organisation=delegation["organisation"],
        error=row["error"],
        text=row["text"],
        paths=(_path(row),),
        expires=_expires([row]),
        ssl_id=row["ssl_id"],
        names=tuple(row["names"]),
        rao_email=delegation["rao_email"],
    )


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _path(row: Row) -> str:
    return f"{row['delegation']}/{row['name']}"


def _expires(rows: Iterable[Row]) -> datetime | None:
    return min((datetime.fromisoformat(row["not_after"]) for row in rows if row["not_after"]), default=None)
