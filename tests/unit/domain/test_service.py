"""Is a certificate served everywhere, since when, and when must anyone act?"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from renewal import records
from renewal.domain.certificate.facts import Certificate
from renewal.domain.endpoint.declaration import Endpoint, StartTls
from renewal.domain.endpoint.observation import EndpointState, Observation, ServiceRecord, ServiceState
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair
from renewal.domain.order import ManagedCertificate, OrderStatus
from renewal.domain.service.state import (
    expected_certificate,
    expected_since,
    not_served,
    service_after,
    service_findings,
    service_state,
    to_announce,
)
from tests.throwaway_ca import hierarchy, pem
from tests.unit.leaves import leaf
from tests.unit.orders import an_order
from tests.unit.system import IDP, NOW, stored_by

WEB, MAIL = Endpoint("idp.univ.example"), Endpoint("idp.univ.example", 587, StartTls.SMTP)
SPEC = replace(IDP, served_at=(WEB, MAIL), grace_hours=24)
HOUR = timedelta(hours=1)
SERVED, OLD, BROKEN = EndpointState.SERVED, EndpointState.OLD, EndpointState.BROKEN


def stored(hours_ago: float = 1, serial: str = "B2") -> ManagedCertificate:
    """The certificate, stored some hours before NOW, half an hour after it was issued."""
    stored_at = NOW - hours_ago * HOUR
    stored = stored_by(SPEC, serial=serial, issued_at=stored_at - HOUR / 2, stored_at=stored_at)
    return ManagedCertificate(SPEC, stored)


def observed(
    certificate: ManagedCertificate, *states: EndpointState, at: datetime = NOW, addresses: tuple[str, ...] = ()
) -> ManagedCertificate:
    """The certificate after the endpoints were observed in these states."""
    places = addresses or ("192.0.2.1",) * len(states)
    observations = [
        Observation(str(endpoint), state, at, address, "" if state is SERVED else "why")
        for endpoint, state, address in zip((WEB, MAIL, MAIL), states, places, strict=False)
    ]
    return replace(certificate, service=service_after(certificate, observations, at))


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((SERVED, SERVED), ServiceState.SERVED),
        ((SERVED, OLD), ServiceState.PARTLY),
        ((OLD, BROKEN), ServiceState.NOT_SERVED),
        ((SERVED,), ServiceState.PARTLY),
        ((), ServiceState.NOT_SERVED),
    ],
)
def test_a_certificate_is_served_only_if_all_endpoints_are(
    states: tuple[EndpointState, ...], expected: ServiceState
) -> None:
    """An endpoint that was not observed counts as not served."""
    assert service_state(observed(stored(), *states), NOW) is expected


def test_one_address_that_is_old_makes_it_partly_served() -> None:
    """One node of two behind a name was not reloaded."""
    certificate = observed(stored(), SERVED, SERVED, OLD, addresses=("192.0.2.1", "192.0.2.1", "192.0.2.2"))

    assert service_state(certificate, NOW) is ServiceState.PARTLY


def test_a_renewed_certificate_is_not_served_before_it_is_observed() -> None:
    """What was observed of the former certificate proves nothing about the new one."""
    before = observed(stored(), SERVED, SERVED)
    renewed = replace(before, stored=stored_by(SPEC, serial="C3"))

    assert service_state(renewed, NOW) is ServiceState.NOT_SERVED
    assert service_state(replace(before, spec=IDP), NOW) is ServiceState.NOT_DECLARED


def test_what_was_observed_three_days_ago_is_not_served_any_more() -> None:
    """Endpoints that no run contacts in time may present anything; the operator must learn that."""
    certificate = observed(stored(100), SERVED, SERVED, at=NOW)

    def judged(after: int) -> tuple[ServiceState, list[str]]:
        found = [f"{each.severity} {each.code}" for each in service_findings([certificate], NOW + after * HOUR)]
        return service_state(certificate, NOW + after * HOUR), found

    assert judged(47) == (ServiceState.SERVED, [])
    assert judged(49) == (ServiceState.NOT_VERIFIED, ["error NotVerified"])


def test_a_renewal_that_was_never_verified_is_reported() -> None:
    """A record of the former certificate shows that runs have verified it before."""
    before = observed(stored(100), SERVED, SERVED, at=NOW - 60 * HOUR)
    renewed = replace(before, stored=stored_by(SPEC, serial="C3", stored_at=NOW - 50 * HOUR))

    found = service_findings([renewed, stored(1_000), replace(renewed, spec=IDP)], NOW)

    assert [(each.code, each.severity) for each in found] == [("NotVerified", "error"), ("NotVerified", "warning")]


def test_a_record_leaves_room_in_the_item_of_its_certificate() -> None:
    """DynamoDB takes 400 KB of an item: what servers send must not keep an order from being recorded."""
    spec = replace(SPEC, served_at=tuple(Endpoint(f"host-{number}.univ.example") for number in range(50)))
    observations = [
        Observation(str(endpoint), BROKEN, NOW, f"2001:db8::{address}", "\U0001f9e8" * 300, "F" * 40)
        for endpoint in spec.served_at
        for address in range(16)
    ]

    record = service_after(replace(stored(), spec=spec), observations, NOW)

    assert len(json.dumps(records.to_json(record), ensure_ascii=False).encode()) < 350_000
    assert len(record.observations) == 800


@pytest.mark.parametrize("changes", [{"text": "w" * 301}, {"serial": "F" * 41}])
def test_no_observation_is_longer_than_the_item_has_room_for(changes: dict[str, Any]) -> None:
    """A stored one would keep every later order of its certificate from being recorded."""
    with pytest.raises(ValueError, match="a text of"):
        Observation("idp.univ.example:443", BROKEN, NOW, **changes)


def test_the_grace_begins_with_the_renewal() -> None:
    """Servers are reloaded once a day at worst: until then nothing is to be done."""
    early, late = observed(stored(23), OLD, SERVED), observed(stored(25), OLD, SERVED)

    assert not_served(early) is None
    finding = not_served(late)
    assert finding is not None
    assert (finding.code, finding.severity, finding.actor, finding.certificate) == (
        "NotServed", "error", "operator", "idp"
    )  # fmt: skip
    assert finding.text == (
        "not every endpoint presents serial B2: idp.univ.example:443 (192.0.2.1) old: why. "
        "On the server: `nginx -t && systemctl reload nginx`"
    )


@pytest.mark.parametrize(
    ("endpoint", "command"),
    [
        (Endpoint("idp.univ.example"), "nginx -t && systemctl reload nginx"),
        (Endpoint("idp.univ.example", 587, StartTls.SMTP), "postfix reload"),
        (Endpoint("idp.univ.example", 143, StartTls.IMAP), "doveadm reload"),
        (Endpoint("idp.univ.example", 389, StartTls.LDAP), "systemctl restart slapd"),
        (Endpoint("idp.univ.example", 5222, StartTls.XMPP), "prosodyctl reload"),
        (Endpoint(reported_by="lb-2"), "systemctl start certmandate-fetch"),
    ],
)
def test_the_finding_has_the_command_of_the_declared_kind(endpoint: Endpoint, command: str) -> None:
    """A mail server is not reloaded by the command for a web server."""
    certificate = replace(stored(30), spec=replace(SPEC, served_at=(endpoint,)))
    record = service_after(certificate, [Observation(str(endpoint), OLD, NOW)], NOW)

    finding = not_served(replace(certificate, service=record))

    assert finding is not None
    assert finding.text.endswith(f"On the server: `{command}`")


def test_a_served_certificate_has_the_grace_again_when_it_is_lost() -> None:
    """A restart of a server, or of the network, is over before anyone is called."""
    before = observed(stored(1_000), SERVED, SERVED, at=NOW - 30 * HOUR)
    lost = observed(before, SERVED, BROKEN, at=NOW - 25 * HOUR)

    assert not_served(lost) is None
    still = observed(lost, OLD, BROKEN)
    assert not_served(still) is not None
    assert still.service is not None
    assert [each.since for each in still.service.observations] == [NOW, NOW - 25 * HOUR]
    assert not_served(observed(still, SERVED, SERVED)) is None


def test_the_hours_from_issued_to_served_are_measured_once() -> None:
    """They show how long an issued certificate takes to reach the clients, with what a failing store delays."""
    late = observed(observed(stored(6), OLD, SERVED, at=NOW - 2 * HOUR), SERVED, SERVED, at=NOW - HOUR)

    assert late.service is not None
    assert late.service.hours_to_served == 5.5
    again = observed(observed(late, OLD, SERVED), SERVED, SERVED)
    assert again.service is not None
    assert again.service.hours_to_served == 5.5


def test_the_hours_of_what_was_served_before_it_was_declared_are_unknown() -> None:
    """Endpoints that are declared later would otherwise show a renewal of months."""
    declared = observed(stored(1_000), SERVED, SERVED, at=NOW - HOUR)
    again = observed(declared, SERVED, SERVED)

    for found in (declared, again, observed(observed(again, OLD, SERVED), SERVED, SERVED)):
        assert found.service is not None
        assert found.service.hours_to_served is None


def test_a_store_that_is_not_recorded_measures_and_announces_nothing() -> None:
    """Clients meet an order's certificate everywhere, while the record is of the former one, which they never met."""
    certificate = replace(observed(stored(2_400), OLD, OLD, at=NOW - HOUR), order=an_order(status=OrderStatus.ISSUED))

    record = service_after(certificate, [Observation(str(each), SERVED, NOW, serial="C3") for each in (WEB, MAIL)], NOW)

    assert service_state(replace(certificate, service=record), NOW) is ServiceState.SERVED
    assert record.hours_to_served is None
    assert to_announce(certificate, record) is None


LEAF = hierarchy().ec.issue(
    KeyPair.generate(KeyType.P_256).private_key.public_key(), IDP.names, not_before=NOW - HOUR, days=199
)


NOT_DER = pem(leaf(others=[x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.15"), bytes.fromhex("0302"))]))
"""Its extensions cannot be read."""


def partly_stored(*stores: str, **changes: Any) -> ManagedCertificate:
    """The certificate whose issued order is open, and which *stores* have."""
    chain = pem(LEAF, hierarchy().ec.certificate)
    order = an_order(status=OrderStatus.ISSUED, issued_at=NOW - HOUR, chain=chain, stores=stores, **changes)
    return ManagedCertificate(replace(SPEC, stores=("s3", "acm:eu-west-3")), order=order)


def test_a_first_certificate_is_expected_as_soon_as_a_store_has_it() -> None:
    """While ACM refuses it, servers that read S3 have it: what they present is verified, and measured, from then on."""
    first, serial = partly_stored("s3"), Certificate(LEAF).serial
    missing = observed(first, SERVED, BROKEN)
    late = observed(missing, SERVED, BROKEN, at=NOW + 25 * HOUR)

    assert expected_certificate(partly_stored()) is None
    assert service_state(first, NOW) is ServiceState.NOT_SERVED
    assert service_state(missing, NOW) is ServiceState.PARTLY
    assert [not_served(each) is not None for each in (missing, late)] == [False, True]
    assert [each.code for each in service_findings([first], NOW + 48 * HOUR)] == ["NotVerified"]
    everywhere = observed(missing, SERVED, SERVED, at=NOW + HOUR)
    assert everywhere.service is not None
    assert (everywhere.service.serial, everywhere.service.hours_to_served) == (serial, 2.0)
    assert to_announce(everywhere, everywhere.service) is ServiceState.SERVED


def test_the_record_of_a_first_certificate_goes_on_when_its_order_ends() -> None:
    """Its grace does not begin anew, and its hours include what the failing store has delayed."""
    begun = observed(partly_stored("s3"), OLD, SERVED)
    stored = stored_by(SPEC, serial=Certificate(LEAF).serial, issued_at=NOW - HOUR, stored_at=NOW + 9 * HOUR)

    ended = observed(replace(begun, order=None, stored=stored), SERVED, SERVED, at=NOW + 11 * HOUR)

    assert ended.service is not None
    assert ended.service.hours_to_served == 12.0


def test_the_grace_of_a_first_certificate_begins_when_it_is_verified_first() -> None:
    """A store may have refused it for days: nothing records when it took it, and servers had nothing before."""
    first = partly_stored("s3")
    assert first.order is not None
    refused_for_days = replace(first, order=replace(first.order, issued_at=NOW - 72 * HOUR))

    verified = observed(refused_for_days, BROKEN, BROKEN)

    assert verified.service is not None
    assert not_served(verified) is None
    assert to_announce(verified, verified.service) is None


def test_what_a_store_took_late_is_verified_by_the_next_run() -> None:
    """Every store failed for three days: that no run has verified it since it was issued is nobody's fault."""
    first = partly_stored("s3")
    assert first.order is not None
    late = replace(first, order=replace(first.order, issued_at=NOW - 72 * HOUR))
    before = observed(stored(2_400), SERVED, SERVED, at=NOW - HOUR).service

    def found(service: ServiceRecord | None, after: int) -> list[str]:
        return [each.code for each in service_findings([replace(late, service=service)], NOW + after * HOUR)]

    assert (found(before, 0), found(before, 48)) == ([], ["NotVerified"])
    expected = expected_certificate(late)
    assert expected is not None
    assert expected_since(late, expected, NOW) == NOW


def test_a_renewed_certificate_is_expected_as_soon_as_a_store_has_it() -> None:
    """While ACM fails for weeks, a server that reads S3 and was not reloaded must not count as served."""
    before = stored_by(SPEC, serial="B2")

    def expected(certificate: ManagedCertificate) -> str:
        found = expected_certificate(replace(certificate, stored=before))
        return found.serial if found else ""

    assert expected(partly_stored()) == "B2"
    assert expected(partly_stored("s3")) == Certificate(LEAF).serial
    assert expected(partly_stored(arns={"eu-west-3": "arn"})) == Certificate(LEAF).serial


def test_the_finding_names_the_store_that_lacks_the_certificate() -> None:
    """No reload helps an endpoint that has its certificate from there."""
    late = observed(observed(partly_stored("s3"), OLD, SERVED), OLD, SERVED, at=NOW + 25 * HOUR)

    finding = not_served(late)
    assert finding is not None
    assert "acm:eu-west-3 does not have this certificate" in finding.text
    ended = replace(late, order=None, stored=stored_by(SPEC, serial=Certificate(LEAF).serial))
    assert "does not have" not in str(not_served(ended))


@pytest.mark.parametrize("chain", ["edited", NOT_DER], ids=["no certificate", "no DER in an extension"])
def test_an_order_that_was_edited_hides_no_other_certificate(chain: str) -> None:
    """The report and the verification of every delegation ask for what is expected."""
    assert expected_certificate(replace(partly_stored(), order=an_order(chain=chain, stores=("s3",)))) is None


def test_the_hours_of_what_no_order_issued_are_unknown() -> None:
    """An adopted certificate was issued at a time that is not known; so was one that an earlier version stored."""
    certificate = stored()
    assert certificate.stored is not None
    adopted = observed(replace(certificate, stored=replace(certificate.stored, issued_at=None)), SERVED, SERVED)

    assert adopted.service is not None
    assert adopted.service.hours_to_served is None


def test_each_change_is_announced_once() -> None:
    """Consumers of the events act on changes; a state that lasts is no event."""
    announced: list[ServiceState | None] = []
    certificate = stored(30)
    for states in ((SERVED, SERVED), (SERVED, SERVED), (OLD, SERVED), (OLD, SERVED), (SERVED, SERVED)):
        at = NOW + len(announced) * 20 * HOUR
        certificate = observed(certificate, *states, at=at)
        assert certificate.service is not None
        announced.append(to_announce(certificate, certificate.service))
        if announced[-1]:
            certificate = replace(certificate, service=replace(certificate.service, announced=announced[-1]))

    assert announced == [ServiceState.SERVED, None, None, None, None]
    certificate = observed(certificate, OLD, SERVED, at=NOW + 200 * HOUR)
    certificate = observed(certificate, OLD, SERVED, at=NOW + 225 * HOUR)
    assert certificate.service is not None
    assert to_announce(certificate, certificate.service) is ServiceState.NOT_SERVED
