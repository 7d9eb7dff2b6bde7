"""Estates for the status page: one with everything that it can show, and one with a thousand certificates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zlib import crc32

from certmandate.files.operator_records import Retired, StillValid
from certmandate.judged_estate import judged_estate
from certmandate.views.status import EstateStatus
from certmandate.views.status_page.page import status_page
from renewal.domain.delegation import CertificateSpec, Delegation
from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.endpoint.observation import EndpointState, Observation, ServiceRecord
from renewal.domain.errors import RecordUnreadable
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.replacement_progress import ReplacementProgress
from renewal.domain.order import FinishedOrder, ManagedCertificate, OrderStatus
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import DelegationRecord, Inspection
from tests.certmandate.rao_samples import DELEGATION, FINDINGS, HOSTILE, row
from tests.unit.orders import an_order
from tests.unit.system import NOW, stored_by

STACK = {"account": "123456789012", "region": "eu-west-3", "name": "certmandate"}


def certificate(name: str, *, age: float | None, delegation: str = "univ", **changes: Any) -> ManagedCertificate:
    """Return a certificate that was stored *age* days ago for 199 days, or never, with an endpoint."""
    spec = CertificateSpec(
        delegation, name, (f"{name}.univ.example",), 1018, served_at=(Endpoint(f"{name}.univ.example"),)
    )
    stored = None if age is None else stored_by(spec, age=age, serial=f"{crc32(name.encode()):X}")
    return replace(ManagedCertificate(spec, stored), **changes)


def observed(managed: ManagedCertificate, state: EndpointState, text: str = "") -> ManagedCertificate:
    """Return the certificate as its endpoint was observed three days ago and since."""
    since = NOW - timedelta(days=3)
    found = Observation(str(managed.spec.served_at[0]), state, since, "192.0.2.7", text)
    unserved = None if state is EndpointState.SERVED else since
    serial = managed.stored.serial if managed.stored else ""
    hours = None if unserved else 26.25
    return replace(
        managed, service=ServiceRecord(serial, NOW, (found,), unserved_since=unserved, hours_to_served=hours)
    )


def estate(
    records: Iterable[DelegationRecord], certificates: Iterable[ManagedCertificate], **changes: Any
) -> EstateStatus:
    """Return the estate as it is judged at NOW."""
    delegations = {record.delegation.name: record for record in records}
    judged = judged_estate(delegations, certificates, NOW, ActingTimes())
    return replace(EstateStatus(delegations, judged, (), (), (), (), None, [], NOW), **changes)


def late(rule: ReplacementRule) -> ReplacementProgress:
    """Return the progress of a rule that will not make its deadline."""
    return ReplacementProgress(
        reason=rule.reason,
        issued_before=rule.issued_before,
        deadline=NOW + timedelta(hours=20),
        covered=500,
        done=120,
        in_flight=31,
        failed=2,
        waiting=347,
        not_served=15,
        rate=12.7,
        ends_at=NOW + timedelta(hours=30),
        is_late=True,
    )


def every_case(organisation: str = DELEGATION.organisation, text: str = "") -> str:
    """Return the page of an estate in which every state and every part occurs; *text*: in all free texts."""
    other = Delegation("lycee", f"Lycée {text}", 1700, ("*.lycee.example",), mandate_ends=date(2026, 12, 31))
    mine = replace(DELEGATION, organisation=organisation)
    findings = [
        *FINDINGS,
        Finding("StoreDrifted", "error", "operator", f"eu-west-3: another serial {text}", "fine"),
        Finding("AcmWouldRefuse", "warning", "operator", f"eu-west-3 takes no P-521 keys {text}", "fine"),
    ]
    records = [
        DelegationRecord(mine, Inspection("run-1", NOW, findings=tuple(findings), password_expires=date(2027, 1, 9))),
        DelegationRecord(other),
    ]
    pending = an_order(certificate="pending", status=OrderStatus.ORDERED, ssl_id=77, reason=text)
    certificates = [
        observed(certificate("fine", age=20), EndpointState.SERVED),
        observed(certificate("old", age=30), EndpointState.OLD, f"it presents a former certificate {text}"),
        certificate("pending", age=140, order=pending),
        certificate("expired", age=210, failures=3, last_error="OrderRejected", last_error_text=text),
        certificate("held", age=150, failures=1, last_error="OrderDeclined", hold_until=NOW + timedelta(days=3)),
        certificate("due", age=150),
        certificate("new", age=None),
        certificate("ending", age=100, delegation="lycee"),
    ]  # fmt: skip
    damaged = RecordUnreadable(f"item 'certificate#x' cannot be read {text}", delegation="univ", certificate="x")
    still, ended = StillValid("www", 9, "AB", NOW + timedelta(days=9)), NOW - timedelta(days=9)
    rule = ReplacementRule(NOW - timedelta(days=9), text or "Old CA", text or "incident 12")
    changes = {
        "replacements": (rule,),
        "progress": {rule: late(rule)},
        **{kind: (Retired(kind, text or "École", 3, ended, (still,)),) for kind in ("retired", "removed")},
        "unreadable": (damaged,),
        "unfinished_apply": NOW - timedelta(hours=1),
        "runs": [{"run_id": "daily-1", "status": "FAILED", "started_at": NOW - timedelta(hours=2), "stopped_at": NOW}],
    }
    rows = [
        *past("fine", NOW - timedelta(days=20), text),
        *past("expired", NOW - timedelta(days=210), text),
        row("expired", status="failed", error="OrderRejected", text=text, ended_at=NOW - timedelta(days=2)),
    ]
    return status_page(estate(records, certificates, **changes), rows, STACK, "fr")


def past(name: str, last: datetime, reason: str = "") -> list[FinishedOrder]:
    """Return the orders of a certificate until *last*."""
    return [row(name, ended_at=last - timedelta(days=133 * number), reason=reason) for number in range(3)]


def nothing() -> str:
    """Return the page before the first `apply`."""
    return status_page(estate([], []), [], STACK, "en")


def a_thousand(number: int = 1000) -> str:
    """Return the page of an estate with *number* certificates of thirty delegations."""
    names = [f"organisation-{index:02}" for index in range(30)]
    records = [
        DelegationRecord(Delegation(name, f"Université {name}", 1, ("*.univ.example",)), Inspection("run", NOW))
        for name in names
    ]
    certificates = [
        observed(
            certificate(f"service-{index:04}", age=index * 7 % 190, delegation=names[index % 30]),
            EndpointState.OLD if index % 97 == 0 else EndpointState.SERVED,
        )
        for index in range(number)
    ]
    rows = [
        replace(each, delegation=names[index % 30])
        for index in range(number)
        for each in past(f"service-{index:04}", NOW - timedelta(days=index * 7 % 190))
    ]
    return status_page(estate(records, certificates), rows, STACK, "en")


def hostile() -> str:
    """Return the page with markup in everything that comes from files, SCM, servers and operators."""
    return every_case(HOSTILE, HOSTILE)
