"""Runs with every outcome, error and finding that a report can have, written down without playing them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from renewal import records
from renewal.domain.delegation import CertificateSpec, Delegation, Profile
from renewal.domain.due import Cause
from renewal.domain.errors import CredentialRefused, NeedsAttention, OrderUnknown
from renewal.domain.key_type import KeyType
from renewal.domain.order import FinishedOrder, OrderStatus
from renewal.domain.run.plan import PlanFacts
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import Inspection
from renewal.domain.setup.snapshot import DelegatedName
from tests.unit.orders import an_order
from tests.unit.system import DELEGATION, IDP, NOW, System, caught, child, stored_by

STARTED = NOW - timedelta(minutes=10)
RUN = "daily"
_FINDINGS = (
    Finding("NameExtra", "error", "rao", "a name that was not agreed", "", date(2026, 12, 1), "Domains"),
    Finding("DcvLapsing", "warning", "rao", "a validation that expires", "fresh", date(2027, 1, 5), "Domains"),
    Finding("PasswordRotation", "info", "operator", "nothing to do"),
)


def daily_run() -> System:
    """A run over five delegations in which every outcome but `planned` occurs."""
    system = System()
    university = replace(DELEGATION, rao_email="rao@univ.example", address="192.0.2.7", mandate_ends=date(2027, 5, 1))
    due = dict.fromkeys(("resumed", "fresh", "pending", "mismatch", "skipped", "undone"), "planned")
    due |= {"late": "deferred", "held": "held"}
    for name in (*due, "quiet", "ending", "empty"):
        _serve(system, name, university, age=150 if name in due else 10)
    system.book.managed["univ", "empty"] = replace(system.book.managed["univ", "empty"], stored=None)
    _serve(system, "revoked", university, age=3, ssl_id=77, serial="A77")
    system.book.managed["univ", "revoked"] = replace(
        system.book.managed["univ", "revoked"], hold_until=NOW + timedelta(days=2), last_error="OrderRejected"
    )
    system.book.managed["univ", "held"] = replace(
        system.book.managed["univ", "held"], hold_until=NOW + timedelta(hours=5), last_error="OrderDeclined"
    )
    _serve(system, "ending", university, age=10, not_after=datetime(2027, 9, 1, tzinfo=UTC))
    system.book.orders["univ", "pending"] = replace(
        an_order(certificate="pending", ssl_id=5003), status=OrderStatus.ORDERED, opened_at=NOW - timedelta(hours=30)
    )
    _renewed(system, "resumed", ("new",), "SCM was not marked: -9")
    _renewed(system, "fresh", ("key-type-changed",), "")
    for name, error in (("closed", OrderUnknown("it has expired")), ("silent", None), ("removed", None)):
        _serve(system, "idp", replace(DELEGATION, name=name, rao_email=f"rao@{name}.example"), age=150)
        if error is None:
            continue
        _inspect(system, name, "earlier", (Finding("AddressChanged", "error", "operator", "an old address"),))
    _inspect(system, "univ", RUN, _FINDINGS)
    del system.book.records["removed"], system.book.managed["removed", "idp"]
    system.book.removals.add("removed")
    results = [
        child("univ", {"delegation": "univ", "certificates": _did()}),
        child("closed", {"delegation": "closed", "error": caught(OrderUnknown("it has expired"))}),
    ]
    planned = {f"univ/{name}": {"causes": _causes(name), "state": state} for name, state in due.items()}
    planned |= {f"{name}/idp": {"causes": ["age"], "state": "planned"} for name in ("closed", "silent")}
    _write(system, RUN, results, delegations=["closed", "removed", "silent", "univ"], due=planned)
    return system


def dry_run() -> System:
    """A dry run, narrowed to two certificates."""
    system = System()
    _serve(system, "idp", DELEGATION, age=150)
    _serve(system, "wrong", DELEGATION, age=150)
    system.book.managed["univ", "wrong"] = replace(
        system.book.managed["univ", "wrong"], spec=replace(IDP, name="wrong", profile_id=7)
    )
    _inspect(system, "univ", RUN, ())
    tasks = [{"certificate": name, "causes": ["age"]} for name in ("idp", "wrong")]
    due = {f"univ/{name}": {"causes": ["age"], "state": "planned"} for name in ("idp", "wrong")}
    named = {"named": ["univ/idp", "univ/wrong"], "narrowed": True, "dry_run": True, "reason": "before the holidays"}
    results = [child("univ", {"delegation": "univ", "certificates": tasks})]
    _write(system, RUN, results, delegations=["univ"], due=due, **named)
    return system


def refused_run() -> System:
    """A run in which SCM refused both accounts."""
    system = System()
    for name in ("a", "b"):
        _serve(system, "idp", replace(DELEGATION, name=name), age=150)
    error: NeedsAttention = CredentialRefused("SCM answered 401")
    results = [child(name, {"delegation": name, "error": caught(error)}) for name in ("a", "b")]
    due = {f"{name}/idp": {"causes": ["age"], "state": "planned"} for name in ("a", "b")}
    _write(system, RUN, results, delegations=["a", "b"], due=due)
    return system


def _serve(system: System, name: str, delegation: Delegation, **changes: Any) -> None:
    path = (delegation.name, name)
    key_type = KeyType.RSA_2048 if name == "fresh" else KeyType.P_256
    spec = CertificateSpec(path[0], name, IDP.names, 1018, key_type=key_type, stores=("s3", "acm:eu-west-3"))
    system.add(spec, delegation=delegation)
    arns = {"eu-west-3": f"arn:aws:acm:eu-west-3:111122223333:certificate/{name}"}
    system.book.adopt(path, stored_by(spec, arns=arns, **changes), NOW)


def _renewed(system: System, name: str, causes: tuple[str, ...], text: str) -> None:
    stored = system.book.managed["univ", name].stored
    assert stored is not None
    row = FinishedOrder(
        "univ", name, f"token-{name}", OrderStatus.STORED, STARTED + timedelta(minutes=4), STARTED, IDP.names,
        causes, RUN, 5001,
        serial="F00D", previous_serial=stored.serial, text=text,
    )  # fmt: skip
    system.book.rows.append(row)


def _did() -> list[dict[str, Any]]:
    stored = [
        {"certificate": name, "status": "stored", "token": f"token-{name}", "ssl_id": 5001 + number}
        for number, name in enumerate(("resumed", "fresh", "undone"))
    ]
    pending = {"certificate": "pending", "status": "pending", "token": "t0", "ssl_id": 5003}
    failed = {"certificate": "mismatch", "status": "failed", "error": caught(OrderUnknown("SCM does not have 5004"))}
    return [*stored, pending, failed]


def _causes(name: str) -> list[str]:
    return ["order-open"] if name in {"resumed", "pending"} else ["age"]


def _inspect(system: System, delegation: str, run_id: str, findings: tuple[Finding, ...]) -> None:
    inspection = Inspection(
        run_id=run_id,
        at=STARTED,
        profiles=(Profile(1018, "OV", (46, 99, 199)),),
        findings=findings,
        password_expires=date(2027, 2, 1),
        withdrawn={"A77": Cause.REVOKED},
        delegated=(DelegatedName("idp.univ.example", True, frozenset({"SSL"}), "VALIDATED", date(2027, 2, 20)),),
        observed_address="192.0.2.9",
        address_run=run_id,
    )
    system.book.records[delegation] = replace(system.book.records[delegation], inspection=inspection)


def _write(system: System, run_id: str, results: list[Any], **facts: Any) -> None:
    default = {
        "started_at": STARTED.isoformat(),
        "reason": "",
        "dry_run": False,
        "narrowed": False,
        "open_orders_only": False,
        "named": [],
        "asked": [],
    }
    system.archive.write_facts(run_id, records.read(PlanFacts, {**default, **facts}))
    system.archive.write_results(run_id, results)
