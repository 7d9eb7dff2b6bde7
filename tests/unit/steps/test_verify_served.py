"""After the renewals of a run: the declared endpoints are contacted, and what they present is recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from renewal.deadline import Deadline
from renewal.domain.certificate.facts import Certificate
from renewal.domain.certificate.revocation import RevocationRequest
from renewal.domain.delegation import CertificatePath, CertificateSpec
from renewal.domain.due import Cause
from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.endpoint.observation import (
    EndpointState,
    HostReport,
    InstalledCertificate,
    ServiceRecord,
    ServiceState,
)
from renewal.domain.errors import RenewalError, StoreRefused, StoreUnavailable
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair
from renewal.domain.order import FinishedOrder, ManagedCertificate, OrderStatus
from renewal.domain.run import payload
from renewal.domain.run.map_results import read_verification
from renewal.domain.run.verification import Verification
from renewal.domain.service.comparison import Compared, Contact
from renewal.domain.service.state import service_state
from renewal.domain.setup.inspection import Inspection
from renewal.records import Unreadable
from renewal.steps.verify_served import VerifyServed
from tests.fakes import ample
from tests.throwaway_ca import hierarchy, pem, trusted_roots
from tests.unit.orders import an_order
from tests.unit.system import IDP, NOW, PATH, System, stored_by

WEB, NODE = Endpoint("idp.univ.example"), Endpoint("idp.univ.example", address="203.0.113.7")
SPEC = replace(IDP, served_at=(WEB,))
FOLLOW_UP = {"open_orders_only": True}


def issued() -> x509.Certificate:
    """A certificate for SPEC."""
    key = KeyPair.generate(KeyType.P_256).private_key.public_key()
    return hierarchy().ec.issue(key, SPEC.names, not_before=NOW - timedelta(days=1), days=199)


@dataclass
class FakeProber:
    """Servers that present a certificate each; None = no answer, and no entry = not contacted in time."""

    presented: dict[Endpoint, x509.Certificate | None] = field(default_factory=dict)
    contacted: list[str] = field(default_factory=list)

    def contacts(self, endpoints: Sequence[Endpoint], _deadline: Deadline) -> Mapping[Endpoint, tuple[Contact, ...]]:
        self.contacted += map(str, endpoints)
        return {each: (self._contact(self.presented[each]),) for each in endpoints if each in self.presented}

    def _contact(self, leaf: x509.Certificate | None) -> Contact:
        if leaf is None:
            return Contact("192.0.2.1", failure="no connection")
        chain = (leaf, hierarchy().ec.certificate)
        return Contact("192.0.2.1", tuple(each.public_bytes(Encoding.DER) for each in chain), is_connected=True)


@dataclass
class Servers:
    """The step over a system with `univ/idp`, of which the stores have `current`."""

    system: System
    prober: FakeProber = field(default_factory=FakeProber)
    current: x509.Certificate = field(default_factory=issued)
    reported: HostReport | Exception | None = None
    refused: dict[CertificatePath, RenewalError] = field(default_factory=dict)
    """Certificates whose records the order book refuses."""
    seconds: float = 300.0
    """For the records of a run."""
    runs: int = 0

    def manage(self, spec: CertificateSpec = SPEC, **changes: Any) -> None:
        leaf = Certificate(self.current)
        identity: dict[str, Any] = {"serial": leaf.serial, "key_fingerprint": leaf.key_fingerprint}
        times = {"issued_at": NOW - timedelta(hours=4), "stored_at": NOW - timedelta(hours=3)}
        changes = {**identity, **times, **changes}
        self.system.add(spec)
        self.system.book.adopt(spec.record_key, stored_by(spec, **changes), NOW)

    def run(self, **request: Any) -> Verification:
        """Plan a run, and verify what it has planned."""
        book, announcer = self.system.book, self.system.announcer
        clock = self.system.clock
        records_end = ample(clock).at_most(self.seconds)
        step = VerifyServed(book, self, self.prober, self, announcer, trusted_roots(), clock, ample(clock), records_end)
        items = self.items(**request)
        return read_verification(
            {"Status": "SUCCEEDED", "Input": json.dumps(item), "Output": json.dumps(step(item))} for item in items
        )

    def items(self, **request: Any) -> list[dict[str, Any]]:
        """What check_expiry plans to verify in a run of its own."""
        self.runs += 1
        plan = self.system.check_expiry(run_id := f"run-{self.runs}", **request)
        assert bool(plan["verification"]["items"]) is self.system.archive.read_facts(run_id).has_verification
        return self.system.archive.read(run_id, "verification") if plan["verification"]["items"] else []

    def report(self, delegation: str, host: str) -> HostReport | None:
        """What `campus-lb-2` reports."""
        assert (delegation, host) == ("univ", "campus-lb-2")
        if isinstance(self.reported, Exception):
            raise self.reported
        return self.reported

    def record_service(self, path: CertificatePath, record: ServiceRecord) -> None:
        if path in self.refused:
            raise self.refused[path]
        self.system.book.record_service(path, record)

    @property
    def certificate(self) -> ManagedCertificate:
        return self.system.book.certificate(*PATH)

    def text(self) -> str:
        """What was observed at the only endpoint."""
        record = self.certificate.service
        assert record
        (observation,) = record.observations
        return observation.text

    @property
    def states(self) -> list[EndpointState]:
        record = self.certificate.service
        return [each.state for each in record.observations] if record else []


@pytest.fixture
def verification(system: System) -> Servers:
    return Servers(system)


def test_a_certificate_that_every_endpoint_presents_is_served(verification: Servers) -> None:
    """It is recorded, announced once, and its hours are a metric."""
    verification.manage()
    verification.prober.presented[WEB] = verification.current

    first, second = verification.run(), verification.run()

    assert service_state(verification.certificate, NOW) is ServiceState.SERVED
    assert (first.verified, first.late) == (1, 0)
    assert first.metrics == {
        "EndpointsNotServed": 0, "CertificatesNotServed": 0, "CertificatesNotVerified": 0, "HoursToServed": 4.0
    }  # fmt: skip
    assert "HoursToServed" not in second.metrics
    assert verification.system.announcer.announced == [("univ/idp", "served")]


def test_a_former_certificate_is_found_by_the_audit_trail(verification: Servers) -> None:
    """The server was not reloaded: `old`, and not `foreign`."""
    former, stranger = issued(), issued()
    verification.manage()
    row = FinishedOrder(
        "univ", "idp", "token", OrderStatus.STORED, NOW, NOW, SPEC.names, (), "run", 4000,
        previous_serial=Certificate(former).serial,
    )  # fmt: skip
    verification.system.book.rows.append(row)

    for presented in (former, stranger):
        verification.prober.presented[WEB] = presented
        verification.run()
        verification.system.announcer.announced.append(("", verification.states[0]))

    assert verification.system.announcer.announced == [("", "old"), ("", "foreign")]


@pytest.mark.parametrize(
    ("known_by", "is_revoked"),
    [("cause", True), ("compromise", True), ("revoked", True), ("withdrawn", True), ("request", False)],
)
def test_a_server_that_presents_a_revoked_certificate_is_reported_at_once(
    verification: Servers, known_by: str, is_revoked: bool
) -> None:
    """Clients refuse it: a grace would be for an outage. One that the RAO is not asked for yet is only old."""
    verification.manage()
    serial = Certificate(former := issued()).serial
    request = RevocationRequest(serial, 4000, SPEC.names, "keyCompromise", NOW, None)
    row = FinishedOrder(
        "univ", "idp", "token", OrderStatus.STORED, NOW, NOW, SPEC.names, (Cause.AGE,), "run", 4001,
        previous_serial=serial,
    )  # fmt: skip
    book = verification.system.book
    book.rows.append(replace(row, causes=(Cause.REVOKED,)) if known_by == "cause" else row)
    if known_by in {"compromise", "request"}:
        kept = request if known_by == "compromise" else replace(request, reason_code="superseded")
        book.managed[PATH] = replace(book.managed[PATH], revocations=(kept,))
    if known_by in {"revoked", "withdrawn"}:
        shown: Any = (serial,) if known_by == "revoked" else {serial: Cause.REVOKED}
        inspection = replace(Inspection("run", NOW), **{known_by: shown})
        book.records["univ"] = replace(book.delegation("univ"), inspection=inspection)
    verification.prober.presented[WEB] = former

    found = verification.run()

    assert found.certificates_not_served == is_revoked
    assert verification.text().startswith(f"it presents a {'revoked' if is_revoked else 'former'} certificate (serial ")


def test_a_certificate_that_is_not_served_is_announced_after_its_grace(verification: Servers) -> None:
    """Until then the servers may not have fetched it."""
    verification.manage()
    verification.prober.presented[WEB] = None

    metrics = []
    for _ in range(3):
        metrics.append(verification.run().certificates_not_served)
        verification.system.clock.advance(hours=22)

    assert metrics == [0, 1, 1]
    assert verification.system.announcer.announced == [("univ/idp", "not served")]


def test_an_hourly_run_verifies_what_is_not_served_and_a_dry_run_nothing(verification: Servers) -> None:
    """The hourly run finds out soon that a renewal has arrived, without connecting to everything."""
    verification.manage()
    verification.prober.presented[WEB] = verification.current

    verification.run(dry_run=True)
    assert not verification.prober.contacted
    verification.run(**FOLLOW_UP)
    verification.run(**FOLLOW_UP)
    assert verification.prober.contacted == ["idp.univ.example:443"]
    verification.run()
    assert len(verification.prober.contacted) == 2


def test_an_hourly_run_verifies_what_the_daily_run_did_not_get_to(verification: Servers) -> None:
    """An estate that is too large for one invocation is verified every day all the same."""
    verification.manage()
    verification.prober.presented[WEB] = verification.current
    verification.run()

    contacted = []
    for hours in (23, 1, 1):
        verification.system.clock.advance(hours=hours)
        verification.run(**FOLLOW_UP)
        contacted.append(len(verification.prober.contacted))

    assert contacted == [1, 2, 2]


def test_a_delegation_is_verified_by_itself_and_a_large_one_in_parts(
    verification: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an invocation has no time for, or does not survive, costs one part of one delegation."""
    monkeypatch.setattr(payload, "CERTIFICATES_EACH", 2)
    for delegation, names in {"univ": ("idp", "sp", "www"), "other": ("idp",)}.items():
        for name in names:
            verification.manage(replace(SPEC, delegation=delegation, name=name))

    items = verification.items()

    assert [(item["delegation"], item["certificates"], item["everything"]) for item in items] == [
        ("other", ["idp"], True), ("univ", ["idp", "sp"], True), ("univ", ["www"], True)
    ]  # fmt: skip


def test_what_was_not_contacted_in_time_stays_as_it_was(verification: Servers) -> None:
    """No time must not read as an outage, nor half of the endpoints as all."""
    verification.manage(replace(SPEC, served_at=(WEB, NODE)))
    verification.prober.presented[WEB] = verification.current

    assert (verification.run().late, verification.states) == (1, [])


def test_a_server_that_has_not_reported_is_not_served(verification: Servers) -> None:
    """What is not proved is not claimed."""
    verification.manage(replace(SPEC, served_at=(WEB, Endpoint(reported_by="campus-lb-2"))))
    verification.prober.presented[WEB] = verification.current

    verification.run()

    assert verification.states == [EndpointState.SERVED, EndpointState.UNREPORTED]
    assert service_state(verification.certificate, NOW) is ServiceState.PARTLY


@pytest.mark.parametrize(
    ("state", "is_current", "age", "expected"),
    [
        ("served", True, 1, EndpointState.SERVED),
        ("served", True, 49, EndpointState.UNREPORTED),
        ("served", False, 1, EndpointState.FOREIGN),
        ("installed", True, 1, EndpointState.BROKEN),
        ("not served", True, 1, EndpointState.BROKEN),
        ("failed", False, 1, EndpointState.FOREIGN),
    ],
)
def test_a_recent_report_that_it_is_presented_is_a_proof(
    verification: Servers, state: str, is_current: bool, age: int, expected: EndpointState
) -> None:
    """A host that is not reachable from outside connects to itself; what is only installed is not served."""
    verification.manage(replace(SPEC, served_at=(Endpoint(reported_by="campus-lb-2"),)))
    leaf = Certificate(verification.current if is_current else issued())
    installed = InstalledCertificate("idp", state, leaf.serial, leaf.key_fingerprint.lower())
    verification.reported = HostReport(NOW - timedelta(hours=age), (installed,))

    verification.run()

    assert verification.states == [expected]


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize(
    ("stores", "of_former"), [((), EndpointState.SERVED), (("s3",), EndpointState.OLD)], ids=["no store", "S3"]
)
def test_the_certificate_of_an_issued_order_is_served(
    verification: Servers, is_known: bool, stores: tuple[str, ...], of_former: EndpointState
) -> None:
    """A store may have it before the order book does; the former one is old as soon as the order book has a store.

    A record without a public key is of an earlier version.
    """
    fingerprint = Certificate(verification.current).key_fingerprint
    verification.manage(replace(SPEC, stores=("s3", "acm:eu-west-3")), key_fingerprint=fingerprint if is_known else "")
    key = KeyPair.generate(KeyType.P_256)
    leaf = hierarchy().ec.issue(key.private_key.public_key(), SPEC.names, not_before=NOW - timedelta(days=1), days=199)
    verification.system.book.orders[PATH] = an_order(
        status=OrderStatus.ISSUED,
        csr=key.signing_request(SPEC.names),
        chain=pem(leaf, hierarchy().ec.certificate),
        stores=stores,
    )

    found = []
    for presented in (leaf, verification.current):
        verification.prober.presented[WEB] = presented
        verification.run()
        found += verification.states

    assert found == [EndpointState.SERVED, of_former]


def test_a_first_certificate_is_verified_while_a_store_refuses_it(verification: Servers) -> None:
    """Servers that read S3 may lack it, or present it, for as long as ACM refuses it: the operator must learn that."""
    spec, key = replace(SPEC, stores=("s3", "acm:eu-west-3")), KeyPair.generate(KeyType.P_256)
    leaf = hierarchy().ec.issue(key.private_key.public_key(), SPEC.names, not_before=NOW - timedelta(days=1), days=199)
    order = an_order(
        status=OrderStatus.ISSUED, csr=key.signing_request(SPEC.names), chain=pem(leaf, hierarchy().ec.certificate)
    )
    verification.system.add(spec)
    verification.system.book.orders[PATH] = order
    verification.prober.presented[WEB] = verification.current
    assert verification.run().verified == 0, "no store has it, so that no server can"

    verification.system.book.orders[PATH] = replace(order, stores=("s3",))
    found = []
    for presented in (verification.current, leaf):
        verification.prober.presented[WEB] = presented
        verification.run()
        found += verification.states

    assert found == [EndpointState.FOREIGN, EndpointState.SERVED]
    assert verification.system.announcer.announced == [("univ/idp", "served")]


def test_each_run_finds_a_certificate_with_endpoints(verification: Servers) -> None:
    """The index is asked, so that a run costs what it verifies; without `served_at` it is not contacted."""
    verification.manage()
    assert list(verification.system.book.waiting(NOW)) == [PATH]
    verification.manage(IDP)
    assert not list(verification.system.book.waiting(NOW))
    assert verification.run().verified == 0


# ---- What one server or certificate must not do to the others ------------------------------------------------------

REPORTED = replace(SPEC, served_at=(Endpoint(reported_by="campus-lb-2"),))
SP_HOST = Endpoint("sp.univ.example")
SP = replace(SPEC, name="sp", names=("sp.univ.example",), served_at=(SP_HOST,))


@pytest.mark.parametrize("error", [Unreadable("it is not JSON"), StoreRefused("s3:GetObject: InvalidRequest")])
def test_a_report_that_cannot_be_read_is_observed(verification: Servers, error: Exception) -> None:
    """A host may store anything under its name: its certificate is recorded, and is not the first of every run."""
    verification.manage(REPORTED)
    verification.reported = error

    summary = verification.run()

    assert (summary.verified, verification.states) == (1, [EndpointState.UNREPORTED])
    assert verification.text() == f"its report cannot be read: {error}"


@pytest.mark.parametrize("member", ["name", "state", "serial", "public_key_sha256"])
def test_no_member_of_a_report_is_longer_than_the_client_writes_it(member: str) -> None:
    """A serial of 390 KB would fill the item of the certificate, so that no order could be recorded there."""
    members = {"name": "idp", "state": "served", "serial": "A77", "public_key_sha256": "AB"}
    InstalledCertificate(**members)

    with pytest.raises(ValueError, match=f"'{member}' is not as certmandate-fetch writes it"):
        InstalledCertificate(**{**members, member: "a" * 100})


def test_a_presented_serial_is_kept_only_if_it_can_be_one() -> None:
    """A server may present a certificate with a serial of any length, and of any issuer."""
    assert Compared.of(EndpointState.FOREIGN, "why", "F" * 40).serial == "F" * 40
    assert Compared.of(EndpointState.FOREIGN, "w" * 999, "F" * 41) == (
        EndpointState.FOREIGN,
        "w" * 299 + "…",
        "",
        False,
    )


@pytest.mark.parametrize("error", [StoreRefused, StoreUnavailable])
def test_a_certificate_that_cannot_be_recorded_hinders_no_other(
    verification: Servers, error: type[RenewalError]
) -> None:
    """Delegations share the run; a refusal that only one certificate meets is reported with its name."""
    verification.manage()
    verification.manage(SP)
    verification.prober.presented = {WEB: verification.current, SP_HOST: None}
    verification.refused[IDP.record_key] = error("dynamodb:UpdateItem: too large")

    summary = verification.run()

    assert (summary.verified, summary.late) == (1, 0)
    assert summary.not_verified == f"{error.__name__}: univ/idp: dynamodb:UpdateItem: too large"
    assert summary.metrics["CertificatesNotVerified"] == 1
    assert verification.system.book.certificate("univ", "sp").service is not None
    verification.prober.presented.pop(SP_HOST)
    with pytest.raises(error):
        verification.run()


@pytest.mark.parametrize("run", [{}, {"open_orders_only": True}], ids=["daily", "hourly"])
def test_a_certificate_that_leads_to_a_bug_hinders_no_other(verification: Servers, run: dict[str, Any]) -> None:
    """An exception that nothing foresees once ended the verification of the estate, in each run."""
    verification.manage(replace(SP, grace_hours=10**12))
    verification.prober.presented = {WEB: None, SP_HOST: None}
    before = verification.system.book.certificate("univ", "sp")
    record = ServiceRecord(Certificate(verification.current).serial, NOW, (), unserved_since=NOW)
    verification.system.book.record_service(before.spec.record_key, record)
    verification.manage()

    summary = verification.run(**run)

    assert (summary.verified, summary.late) == (1, 0)
    assert re.match(r"RecordUnreadable: univ/sp: .* \(OverflowError, state.py:\d+\)", summary.not_verified)
    assert verification.states == [EndpointState.UNREACHABLE]


def test_an_observation_that_cannot_be_compared_hinders_no_other(verification: Servers) -> None:
    """An observation without a contact is a bug of the prober; the neighbour's is recorded."""
    verification.manage()
    verification.manage(SP)
    contacts = verification.prober.contacts

    def broken(endpoints: Sequence[Endpoint], _deadline: Deadline) -> Mapping[Endpoint, tuple[Contact, ...]]:
        nothing: Any = None
        return {**contacts(endpoints, _deadline), SP_HOST: (nothing,)}

    verification.prober.presented = {WEB: verification.current, SP_HOST: None}
    verification.prober.contacts = broken  # type: ignore[method-assign]

    summary = verification.run()

    assert summary.not_verified.startswith("RecordUnreadable: univ/sp: ")
    assert "(AttributeError, comparison.py:" in summary.not_verified
    assert verification.states == [EndpointState.SERVED]


def test_the_least_recently_verified_is_contacted_first(verification: Servers) -> None:
    """What was late in one run would otherwise be late in each."""
    verification.manage()
    verification.manage(SP)
    verification.prober.presented = {WEB: verification.current}
    verification.run()
    verification.system.clock.advance(hours=1)
    verification.prober.contacted.clear()

    verification.run()

    assert verification.prober.contacted == [str(SP_HOST), str(WEB)]


def test_what_is_not_recorded_in_time_is_late(verification: Servers) -> None:
    """The function must end by itself: when Lambda ends it, the report does not learn what was verified."""
    verification.manage()
    verification.prober.presented = {WEB: verification.current}
    verification.seconds = 0.0

    summary = verification.run()

    assert (summary.verified, summary.late, summary.metrics["CertificatesNotVerified"]) == (0, 1, 1)


@pytest.mark.parametrize(("minutes", "state"), [(4, EndpointState.SERVED), (6, EndpointState.UNREPORTED)])
def test_a_report_of_the_future_proves_nothing(verification: Servers, minutes: int, state: EndpointState) -> None:
    """It would count as recent for as long as its date is ahead; a clock may be some minutes fast."""
    verification.manage(REPORTED)
    leaf = Certificate(verification.current)
    installed = InstalledCertificate("idp", "served", leaf.serial, leaf.key_fingerprint)
    verification.reported = HostReport(NOW + timedelta(minutes=minutes), (installed,))

    verification.run()

    assert verification.states == [state]
