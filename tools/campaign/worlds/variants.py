"""Variants of SCM: how its lists, its endpoints, its answers and its portal may differ from what the scenarios have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from campaign.harness import Harness
from campaign.scenarios import DAYS_UNTIL_DUE, DELEGATION, LONG, NAMES, NEXT_DAY, credential, specification, world
from renewal.domain.delegation import S3
from scm_simulator import Dials, Domain, Fault
from scm_simulator.world.world import World as ScmWorld

IDN = ("xn--bcher-kva.idp.univ.example",)


def nothing(_harness: Harness) -> None:
    """No one uses the portal."""


def newest_order(harness: Harness) -> int:
    """Return the SSL ID of the latest order."""
    return max(order.ssl_id for order in harness.played.simulator.orders)


def replace_newest(harness: Harness) -> None:
    """Replace the latest certificate in the portal: same SSL ID, new serial."""
    harness.played.simulator.replace_in_portal(newest_order(harness))


def delete_newest(harness: Harness) -> None:
    """Delete the latest order in the portal."""
    simulator, ssl_id = harness.played.simulator, newest_order(harness)
    harness.played.deleted += [order for order in simulator.orders if order.ssl_id == ssl_id]
    simulator.delete(ssl_id)


def revoke_newest(harness: Harness) -> None:
    """Revoke the latest certificate in the portal."""
    harness.played.simulator.revoke(newest_order(harness))


@dataclass(frozen=True, slots=True)
class ScmVariant:
    """One way in which SCM may differ."""

    name: str
    dials: Mapping[str, Any] = field(default_factory=dict)
    explains: frozenset[str] = frozenset()
    """Errors that a run without a fault may report because of it."""
    is_permanent: bool = True
    """Whether the certificate that is to be renewed was ordered in it too."""
    names: tuple[str, ...] = NAMES
    entries: int = 0
    """Further domain entries of the department."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """How long SCM takes for an operation; `*`: any other."""
    portal: Callable[[Harness], None] = nothing
    """What is done in the portal after the first run."""
    due: int = 1
    """Orders that are open or issued in the end, beside the earlier ones; 1 where the portal was used before the
    certificate was stored: the order is then collected as it is, or made again."""

    def prepare(self, harness: Harness, *, is_renewal: bool) -> None:
        """Prepare the harness for a first order, or for a renewal; no search has been proven before the first order."""
        harness.begin(
            self._world(), [specification((S3,), names=self.names)], {DELEGATION: credential()}, Dials(issuance_polls=0)
        )
        if is_renewal:
            if self.is_permanent:
                self.begin(harness)
            harness.run()
            harness.daily_run()
            harness.time.pass_seconds(DAYS_UNTIL_DUE * 86_400)
        self.begin(harness)

    def begin(self, harness: Harness) -> None:
        """Make SCM differ from now on."""
        for name, value in self.dials.items():
            setattr(harness.played.simulator.dials, name, value)
        harness.played.scm_seconds = self.seconds

    def end(self, harness: Harness) -> None:
        """Make SCM the one of the scenarios again."""
        usual = Dials(issuance_polls=0)
        for name in self.dials:
            setattr(harness.played.simulator.dials, name, getattr(usual, name))
        harness.played.scm_seconds = {}

    def _world(self) -> ScmWorld:
        whole = world()
        (organisation,) = whole.organisations
        (department,) = organisation.departments
        others = tuple(Domain(f"n{number}.univ.example", dcv_expires_in_days=LONG) for number in range(self.entries))
        department = replace(department, domains=(*department.domains, *others))
        return replace(whole, organisations=(replace(organisation, departments=(department,)),))


def _lying() -> Iterator[ScmVariant]:
    """A search that misses orders, or shows them otherwise than they were made."""
    hidden, elsewhere = {"hidden_comments": True}, {"department_filter": "organisation"}
    unfiltered, unreported = {"name_filter": "none"}, {"report_status_code": -3}
    yield ScmVariant("orders are listed after 15 minutes", {"listing_delay_seconds": 900.0})
    yield ScmVariant("orders are listed after 13 hours", {"listing_delay_seconds": 13 * 3600.0})
    yield ScmVariant("orders are never listed", {"listing_delay_seconds": 1e9})
    yield ScmVariant("comments are hidden", hidden)
    yield ScmVariant("a department is no filter", elsewhere)
    yield ScmVariant("a name is no filter", unfiltered)
    yield ScmVariant("a name filters exactly", {"name_filter": "exact"})
    yield ScmVariant("no filter, and no report", {**unfiltered, **unreported})
    yield ScmVariant("no department, and no report", {**elsewhere, **unreported})
    yield ScmVariant("no filter, and hidden comments", {**unfiltered, **hidden})
    yield ScmVariant("hidden comments, listed after 15 minutes", {**hidden, "listing_delay_seconds": 900.0})
    yield ScmVariant("names in U-labels", {"common_name_form": "u-label"}, names=IDN)
    yield ScmVariant("names in U-labels, and no report", {"common_name_form": "u-label", **unreported}, names=IDN)
    yield ScmVariant("names in capitals", {"common_name_form": "upper-case"})
    yield ScmVariant("names in capitals, filtered exactly", {"common_name_form": "upper-case", "name_filter": "exact"})
    yield ScmVariant("newest first, one to a page", {"list_order": "descending", "page_limit": 1})
    yield ScmVariant("labels, empty values, other dates", {
        "enum_dialect": "labels", "missing_values": "empty", "date_format": "EU", "report_names": "dnsname",
        "serial_format": "stripped", "extra_members": True, "cn_in_names": True,
    })  # fmt: skip


OPERATIONS: Mapping[str, frozenset[str]] = {
    "GET /api/admin/v1/password": frozenset(),
    "GET /api/admin/v1": frozenset(),
    "GET /api/admin/v1/{adminId}": frozenset(),
    "GET /api/organization/v1/{orgId}": frozenset(),
    "GET /api/organization/v2/{orgId}/validations": frozenset(),
    "GET /api/domain/v1": frozenset(),
    "GET /api/domain/v1/{domainId}": frozenset(),
    "GET /api/dcv/v1/validation": frozenset(),
    "GET /api/ssl/v1/types": frozenset({"PermissionMissing"}),
    "GET /api/ssl/v1/customFields": frozenset(),
    "POST /api/report/v1/ssl-certificates": frozenset(),
    "GET /api/ssl/v1": frozenset(),
    "GET /api/ssl/v1/{sslId}": frozenset(),
    "POST /api/ssl/v1/enroll": frozenset({"PermissionMissing"}),
    "GET /api/ssl/v1/collect/{sslId}": frozenset({"PermissionMissing"}),
    "POST /api/ssl/v1/renew/manual/{sslId}": frozenset(),
}
"""What the functions request of SCM, and the errors of which a lasting refusal is the cause; most are optional."""


def _refusing() -> Iterator[ScmVariant]:
    """Each request refused alone, and for ever."""
    for operation, explained in OPERATIONS.items():
        refused = {"faults": [Fault("refused", operation, times=0)]}
        yield ScmVariant(f"{operation} is refused", refused, explained, is_permanent=False)


def _stalling() -> Iterator[ScmVariant]:
    """Each request without an answer, alone and for ever."""
    stalls = {operation: {re.sub(r"{\w+}", "<id>", operation): 900.0} for operation in OPERATIONS}
    for operation, seconds in stalls.items():
        explained = frozenset({"ScmUnavailable"} if OPERATIONS[operation] else ())
        yield ScmVariant(f"{operation} stalls", explains=explained, is_permanent=False, seconds=seconds)
    report = stalls["POST /api/report/v1/ssl-certificates"]
    yield ScmVariant("no filter, and a report that stalls", {"name_filter": "none"}, is_permanent=False, seconds=report)


def _slow() -> Iterator[ScmVariant]:
    """Every answer comes just before the caller gives up; and lists without end."""
    yield ScmVariant("each answer at the last second", seconds={"POST /api/ssl/v1/enroll": 59.0, "*": 19.0})
    yield ScmVariant("330 other domains", entries=330, seconds={"*": 0.35})
    yield ScmVariant("1,000 other domains", entries=1000, seconds={"*": 0.35})


def _ended() -> Iterator[ScmVariant]:
    """SCM ends the order, and collect answers with one of several codes."""
    for outcome, code, error in (
        ("declined", "-169", "OrderDeclined"),
        ("rejected", "-130", "OrderRejected"),
        ("invalid", "-1112", "OrderRejected"),
        ("declined", "-1113", "OrderDeclined"),
        ("revoked", "pending", "OrderRevoked"),
    ):
        dials = {"outcome": outcome, "dead_order_answer": code}
        yield ScmVariant(f"{outcome}, answered by {code}", dials, frozenset({error}), is_permanent=False)


def _in_the_portal() -> Iterator[ScmVariant]:
    """The organisation uses the portal."""
    unknown = frozenset({"OrderUnknown"})
    yield ScmVariant("replaced in the portal", portal=replace_newest, due=2)
    yield ScmVariant("revoked in the portal", portal=revoke_newest)
    yield ScmVariant("deleted in the portal", portal=delete_newest, due=0)
    yield ScmVariant("an open order deleted", NEXT_DAY, unknown, is_permanent=False, portal=delete_newest)


VARIANTS: tuple[ScmVariant, ...] = (*_lying(), *_refusing(), *_stalling(), *_slow(), *_ended(), *_in_the_portal())
