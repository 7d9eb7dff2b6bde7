"""Random estates just after their inspections, and what a run leaves of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from renewal import records
from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.due import Cause, next_action
from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.endpoint.observation import EndpointState, Observation, ServiceRecord
from renewal.domain.errors import OrderDeclined
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.summary import DelegationSummary
from renewal.domain.order import FinishedOrder, ManagedCertificate, OrderStatus
from renewal.domain.orderable import FOUND_BY_INSPECTION, decide_with_inspection
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import Inspection
from renewal.domain.setup.snapshot import DelegatedName
from renewal.ports.order_book import Listing
from tests.fakes import FakeOrderBook
from tests.unit.orders import an_order
from tests.unit.system import DELEGATION, IDP, NOW, System, caught, child, stored_by

DAY = timedelta(days=1)
ENDPOINT = Endpoint("idp.univ.example")
Change = Callable[[ManagedCertificate], ManagedCertificate]


def aged(age: float) -> Change:
    """Stored so many days ago, for 199 days."""
    return lambda each: replace(each, stored=stored_by(each.spec, age=age, serial=each.spec.name.upper()))


def with_order(**changes: Any) -> Change:
    """With an open order."""

    def changed(each: ManagedCertificate) -> ManagedCertificate:
        spec = each.spec
        order = an_order(certificate=spec.name, delegation=spec.delegation, ssl_id=5001, status=OrderStatus.ORDERED)
        return replace(each, order=replace(order, **changes))

    return changed


def observed(state: EndpointState, since: timedelta) -> Change:
    """With a declared endpoint that was in *state* since then."""

    def changed(each: ManagedCertificate) -> ManagedCertificate:
        serial = each.stored.serial if each.stored else ""
        begun = None if state is EndpointState.SERVED else NOW - since
        record = ServiceRecord(serial, NOW, (Observation(str(ENDPOINT), state, NOW),), begun)
        return replace(each, spec=replace(each.spec, served_at=(ENDPOINT,)), service=record)

    return changed


TO_REVOKE = RevocationRequest("AB", 1, IDP.names, "keyCompromise", NOW - DAY)
CERTIFICATES: Mapping[str, Change] = {
    **{f"age {age}": aged(age) for age in (30, 145, 150, 182, 198, 203)},
    "new": lambda each: replace(each, stored=None),
    "asked": lambda each: replace(each, asked_reason="stolen"),
    "pending": with_order(scm_status="APPLIED"),
    "not approved for long": with_order(scm_status="REQUESTED", opened_at=NOW - 30 * DAY),
    "not stored": with_order(storing_error="CertificateMismatch"),
    "held": lambda each: replace(
        aged(150)(each), failures=1, last_error="OrderDeclined", hold_until=NOW + timedelta(hours=5)
    ),
    "failed, and not due": lambda each: replace(each, failures=1, last_error="OrderDeclined"),
    "closed": lambda each: replace(each, failures=1, last_error="ClosedByOperator"),
    "names changed": lambda each: replace(each, spec=replace(each.spec, names=("new.apps.univ.example",))),
    "not permitted": lambda each: replace(each, spec=replace(each.spec, names=("other.example",))),
    "to be revoked": lambda each: replace(each, revocations=(TO_REVOKE,)),
    "served": observed(EndpointState.SERVED, DAY),
    "not served": observed(EndpointState.OLD, 3 * DAY),
    "not served in its grace": observed(EndpointState.OLD, timedelta(hours=1)),
}
"""What may be true of one certificate."""

ENTRY = DelegatedName("idp.univ.example", True, frozenset({"SSL"}), "VALIDATED", NOW.date() + 190 * DAY)
INSPECTIONS: Mapping[str, dict[str, Any]] = {
    **{f"nothing {number}": {} for number in range(6)},
    "an error": {"findings": (Finding("WebApiOff", "error", "rao", "step 2: 'Web API' is not ticked"),)},
    "a warning": {"findings": (Finding("NotApiOnly", "warning", "rao", "step 7: the portal"),)},
    "information": {"findings": (Finding("PasswordRotation", "info", "rao", "no action", due=NOW.date()),)},
    "a certificate": {"findings": (Finding("KeyRefused", "error", "operator", "P-256", "c0"),)},
    "revoked": {"withdrawn": {"C0": Cause.REVOKED}},
    "replaced": {"withdrawn": {"C1": Cause.REPLACED_IN_SCM}},
    "a password": {"password_expires": NOW.date() + 10 * DAY},
    "a validation": {"delegated": (replace(ENTRY, dcv_expires=NOW.date() + 3 * DAY),)},
}
"""What an inspection may have found."""


def inspection_of(chance: random.Random, now: datetime = NOW) -> Inspection:
    """An inspection of this run."""
    found = {"password_expires": NOW.date() + 100 * DAY, "delegated": (ENTRY,)}
    return Inspection("run", now, **{**found, **INSPECTIONS[chance.choice([*INSPECTIONS])]})


def add(system: System, chance: random.Random, name: str) -> None:
    """Add a delegation with four certificates, of which most are in order, just after its inspection."""
    ends = chance.choice([None, None, None, NOW.date() - DAY, NOW.date() + 20 * DAY])
    for number in range(4):
        certificate = aged(100)(ManagedCertificate(replace(IDP, name=f"c{number}", delegation=name)))
        if chance.random() < 0.2:
            certificate = CERTIFICATES[chance.choice([*CERTIFICATES])](certificate)
        system.add(certificate.spec, delegation=replace(DELEGATION, name=name, mandate_ends=ends))
        path = certificate.spec.record_key
        system.book.managed[path] = replace(certificate, order=None)
        if certificate.order:
            system.book.orders[path] = certificate.order
        # As at the last write: what has become due since is found by its time.
        system.book.next_actions[path] = next_action(certificate, NOW - 100 * DAY)
    system.book.records[name] = replace(system.book.records[name], inspection=inspection_of(chance))


def result_of(system: System, chance: random.Random, name: str) -> dict[str, Any] | None:
    """What the run left of a delegation: certificates that it worked on, an error, or nothing."""
    if (chosen := chance.random()) < 0.1:
        return None
    if chosen < 0.2:
        return child(name, {"delegation": name, "error": caught(OrderDeclined("no"))})
    record, certificates, now = system.book.delegation(name), system.book.certificates(name), system.clock()
    planned = [task.certificate for item in system.plan() if item.delegation == name for task in item.certificates]
    added = [
        each.spec.name
        for each in certificates
        if set(FOUND_BY_INSPECTION) & set(decide_with_inspection(each, record.inspection, now).causes)
    ]
    worked_on = [*dict.fromkeys((*planned, *(each for each in added if chance.random() < 0.7)))]
    summary = DelegationSummary.of(record, certificates, worked_on, now, ActingTimes())
    done = [worked(system, chance, name, each) for each in worked_on]
    return child(name, {"delegation": name, "certificates": done, "summary": records.to_json(summary)})


def worked(system: System, chance: random.Random, delegation: str, name: str) -> dict[str, Any]:
    """One certificate is renewed, waits for SCM, or fails."""
    path, token = (delegation, name), f"token-{name}"
    row = {"certificate": name, "token": token, "ssl_id": 5001}
    certificate = system.book.certificate(*path)
    order = certificate.order or with_order(opened_at=system.clock())(certificate).order
    assert order is not None
    kind = chance.choice(["stored", "pending", "failed"])
    if kind == "failed":
        system.book.managed[path] = replace(
            system.book.managed[path], failures=1, last_error="OrderDeclined", failed_at=system.clock()
        )
        return {**row, "status": kind, "error": caught(OrderDeclined("the RAO declined it"))}
    system.book.orders[path] = replace(order, token=token)
    if kind == "stored":
        stored = stored_by(certificate.spec, serial=f"NEW{name.upper()}", token=token)
        system.book.rows.append(system.book.orders.pop(path).stored_row(stored, certificate.stored, ""))
        system.book.managed[path] = replace(system.book.managed[path], stored=stored, asked_reason="", failures=0)
    return {**row, "status": kind}


@dataclass(slots=True)
class CountingBook(FakeOrderBook):
    """Counts the certificates, and the requests for audit rows, that were read."""

    read: int = 0
    histories: int = 0

    def load_certificates(self, paths: Any) -> Listing[ManagedCertificate]:
        """Read, and count."""
        found = FakeOrderBook.load_certificates(self, paths)
        self.read += len(found)
        return found

    def history(self, delegation: str, certificate: str) -> Listing[FinishedOrder]:
        """Read, and count."""
        self.histories += 1
        return FakeOrderBook.history(self, delegation, certificate)
