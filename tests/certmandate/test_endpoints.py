"""What the declared endpoints present, as `show`, `status` and `revoke` have it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from certmandate.files.spec_writer import EstateChange, SpecWriter
from renewal.adapters.order_book.transitions import DynamoDbOrderTransitions
from renewal.domain.certificate.facts import Certificate
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.endpoint.observation import EndpointState, Observation, ServiceRecord
from renewal.domain.keypair import KeyPair
from renewal.domain.order import OrderStatus
from tests.certmandate.conftest import Sit
from tests.certmandate.desk import Desk
from tests.throwaway_ca import hierarchy, pem
from tests.unit.orders import an_order
from tests.unit.system import IDP, NOW

PLACE = "idp.univ.example:443"
TWO_DAYS = timedelta(days=2)


def observed(desk: Desk, state: EndpointState, serial: str) -> None:
    """Declare an endpoint of `univ/idp` and record what it presented; its grace of a day is over."""
    now, tables, certificate = datetime.now(UTC), desk.system.aws.tables, desk.certificate("idp")
    spec = replace(certificate.spec, served_at=(Endpoint("idp.univ.example"),))
    SpecWriter(tables).write(EstateChange(certificates=(spec,)), now)
    is_served = state is EndpointState.SERVED
    observation = Observation(PLACE, state, now - TWO_DAYS, "192.0.2.1", "" if is_served else "it is old", serial)
    since = None if is_served else now - TWO_DAYS
    record = ServiceRecord(desk.stored("idp").serial, now, (observation,), since, 3.25 if is_served else None)
    DynamoDbOrderTransitions(tables).record_service(spec.record_key, record)


def test_show_and_status_have_what_the_endpoints_present(sit: Sit):
    """A renewal has ended only when clients meet it."""
    desk = sit("idp:20")
    assert desk.run("show", "univ/idp").stdout.count("Endpoints") == 0

    observed(desk, EndpointState.SERVED, desk.stored("idp").serial)
    shown, found = desk.run("show", "univ/idp").stdout, desk.document("show", "univ/idp")["service"]
    assert "Endpoints: served" in shown
    assert "3.2 hours after it was issued" in shown
    assert (found["state"], found["hours_to_served"]) == ("served", 3.25)

    observed(desk, EndpointState.OLD, "AB")
    assert "idp.univ.example:443 (192.0.2.1) old: it is old, since " in desk.run("show", "univ/idp").stdout
    status = desk.run("status")
    assert (status.exit_code, "NotServed" in status.stdout) == (1, True)
    assert desk.document("status")["certificates"][0]["service"]["observations"][0]["serial"] == "AB"


def test_show_has_the_certificate_that_only_one_store_has(sit: Sit):
    """*Stored certificate* is still the former one, which an endpoint that is `old` presents."""
    desk = sit("idp:20")
    observed(desk, EndpointState.OLD, desk.stored("idp").serial)
    assert "of the open order" not in desk.run("show", "univ/idp").stdout
    key, tables = KeyPair.generate(IDP.key_type).private_key.public_key(), desk.system.aws.tables
    issuer = hierarchy().issuer_for(key)
    leaf = issuer.issue(key, IDP.names, not_before=NOW, days=199)
    book = DynamoDbOrderTransitions(tables)
    order = an_order(status=OrderStatus.ISSUED, chain=pem(leaf, issuer.certificate), stores=("s3",))
    book.open(order, desk.certificate("idp").revision)
    service = desk.certificate("idp").service
    assert service
    serial = Certificate(leaf).serial
    book.record_service(IDP.record_key, replace(service, serial=serial))

    assert f"serial {printed_serial(serial)}, of the open order" in desk.run("show", "univ/idp").stdout


def test_revoke_asks_before_it_lists_what_is_still_presented(sit: Sit):
    """Clients that check revocation would refuse the connection on the RAO's word."""
    desk = sit("idp:20")
    observed(desk, EndpointState.SERVED, desk.stored("idp").serial)
    command = ("revoke", "univ/idp", "--reason-code", "cessationOfOperation")

    agreed, declined = desk.run(*command, "--yes"), desk.run(*command, stdin="y\nn\n")

    assert f"{PLACE} still presented it" in agreed.stderr
    assert ("Send this to the RAO" in agreed.stdout, "Send this to the RAO" in declined.stdout) == (True, False)
