"""The whole client against the simulator, which is written from the reference and not from this client."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from renewal.adapters.scm.client import ScmClient
from renewal.domain import errors
from renewal.domain.certificate.chain import Chain, Delivery, TrustedRoots
from renewal.domain.certificate.chain_form import ChainForm
from renewal.domain.delegation import CustomField
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair, public_key_bytes
from renewal.domain.order import EnrollRequest, error_of_status
from renewal.domain.order_search import SearchedOrder, SearchResult
from scm_simulator.simulator import Simulator
from scm_simulator.world.fault import Fault
from tests.adapters.scm.stage import NOW
from tests.fakes import HandClock

DEPARTMENT = 2001
NAMES = ("portal.example.edu", "a.service.example.edu", "service.example.edu")
KEY = KeyPair.generate(KeyType.P_256)
ENROLL = "POST /api/ssl/v1/enroll"


def order(names: tuple[str, ...] = NAMES, *, token: str = "t0ken") -> EnrollRequest:
    """Return a request that the example world grants."""
    comment = f"certmandate order {token} for univ/portal"
    return EnrollRequest(DEPARTMENT, 3001, 90, names, KEY.signing_request(names), comment)


def find(authority: ScmClient, token: str = "t0ken", names: tuple[str, ...] = NAMES) -> int | None:
    """Return the SSL ID under which the order with *token* is found."""
    return search(authority, token, names).ssl_id


def search(authority: ScmClient, token: str = "t0ken", names: tuple[str, ...] = NAMES) -> SearchResult:
    """Search for the order with *token*, opened just now."""
    return authority.find(SearchedOrder(token, names, DEPARTMENT, NOW))


# ---- All that a renewal asks ---------------------------------------------------------------------


def test_a_certificate_is_ordered_awaited_and_collected(authority: ScmClient, simulator: Simulator):
    """The main job, by both ways to log in."""
    ssl_id = authority.enroll(order())
    with pytest.raises(errors.OrderPending):
        authority.collect(ssl_id)

    chain = chain_of(authority.collect(ssl_id), simulator)

    assert set(chain.leaf.names) == set(NAMES)
    assert len(chain.issuers) == 1
    details = authority.details(ssl_id)
    assert (details.status, details.serial) == ("ISSUED", chain.leaf.serial)


def test_an_order_has_its_custom_fields_and_external_requester(authority: ScmClient, simulator: Simulator):
    """A customer may require both; without them SCM refuses every order."""
    simulator.dials.external_requester_required = True
    simulator.dials.mandatory_custom_field = "Project"
    given = {"cost centre": "4711", "Project": "P 1"}

    ssl_id = authority.enroll(replace(order(), custom_fields=given, external_requester="pki@example.edu"))

    assert authority.custom_fields() == (CustomField("cost centre"), CustomField("Project", is_mandatory=True))
    placed = simulator.order(ssl_id)
    assert (dict(placed.custom_fields), placed.external_requester) == (given, "pki@example.edu")


@pytest.mark.parametrize(
    ("dial", "value", "fields", "code"),
    [
        ("mandatory_custom_field", "Project", {}, -62),
        ("external_requester_required", True, {}, -139),
        ("web_api", True, {"Projekt": "P 1"}, -135),
    ],
)
def test_a_refused_field_has_an_error_of_its_own(
    authority: ScmClient, simulator: Simulator, dial: str, value: object, fields: dict[str, str], code: int
):
    """The remedy is a line of the delegation file, unlike that of other refusals of the request."""
    setattr(simulator.dials, dial, value)

    with pytest.raises(errors.FieldRefused, match=str(code)):
        authority.enroll(replace(order(), custom_fields=fields))


@pytest.mark.parametrize("others", [(), ("portal.example.edu",)])
def test_an_order_is_found_when_its_first_name_is_no_common_name(authority: ScmClient, others: tuple[str, ...]):
    """64 characters fit: the common name is a later name, or there is none."""
    names = (f"{'a' * 60}.service.example.edu", *others)
    ssl_id = authority.enroll(order(names))

    assert find(authority, "t0ken", names) == ssl_id


def test_a_revoked_certificate_shows_in_the_report(authority: ScmClient, simulator: Simulator):
    """The only way in which we learn of it."""
    simulator.dials.issuance_polls = 0
    ssl_id = authority.enroll(order())
    simulator.revoke(ssl_id)

    assert [row.status for row in authority.reported_certificates(DEPARTMENT)] == ["REVOKED"]
    with pytest.raises(errors.OrderRevoked):
        authority.collect(ssl_id)


def test_what_the_portal_did_to_a_certificate_is_shown_by_the_report(
    simulator: Simulator, authority: ScmClient
) -> None:
    """The SSL ID stays and the serial changes; a deleted order is in no report."""
    ssl_id = authority.enroll(order())
    simulator.issue(ssl_id)
    before = authority.details(ssl_id).serial
    simulator.replace_in_portal(ssl_id)
    (row,) = authority.reported_certificates(DEPARTMENT)

    assert (row.ssl_id, row.replaced is not None, row.serial == before) == (ssl_id, True, False)
    assert row.serial == authority.details(ssl_id).serial
    simulator.delete(ssl_id)
    assert authority.reported_certificates(DEPARTMENT) == ()


def test_the_old_certificate_is_marked_as_renewed(authority: ScmClient, simulator: Simulator):
    """SCM then sends no more reminders of its expiry."""
    simulator.dials.issuance_polls = 0
    old, new = authority.enroll(order()), authority.enroll(order())

    authority.mark_renewed(old, new)

    assert simulator.order(old).renewed


# ---- Awkwardness ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dials",
    [
        {"missing_values": "null"},
        {"missing_values": "empty"},
        {"extra_members": True},
        {"enum_dialect": "labels"},
        {"date_format": "EU"},
        {"cn_in_names": True},
        {"serial_format": "stripped"},
        {"serial_format": "plain"},
        {"report_names": "dnsname"},
        {"list_order": "descending"},
        {"name_filter": "exact"},
        {"page_limit": 2},
        {"default_size": 1},
        {"crlf": True},
        {"final_newline": False},
        {"chain": "cross-signed"},
        {"chain_order": {"x509": "shuffled"}},
        {"pending_answer": "empty"},
        {"pending_answer": "-183"},
        {"pending_answer": "-1400"},
        {"pending_answer": "-109"},
        {"pending_answer": "-103"},
        {"collect_lag_polls": 1},
        {"faults": [Fault("wrong_content_type", times=0)]},
    ],
    ids=str,
)
def test_no_awkwardness_of_scm_changes_the_outcome(
    authority: ScmClient, simulator: Simulator, dials: dict[str, object]
):
    """Each is attested somewhere; all that a renewal asks works under each of them."""
    for dial, value in dials.items():
        setattr(simulator.dials, dial, value)
    others = [authority.enroll(order(token=f"other{number}")) for number in range(3)]

    assert authority.profiles(DEPARTMENT)[0].terms == (90, 199)
    ssl_id = authority.enroll(order())
    assert find(authority) == ssl_id
    chain = chain_of(collected(authority, ssl_id), simulator)
    assert set(chain.leaf.names) == set(NAMES)
    assert authority.details(ssl_id).serial == chain.leaf.serial
    rows = {row.ssl_id: row for row in authority.reported_certificates(DEPARTMENT)}
    assert rows.keys() == {*others, ssl_id}
    assert rows[ssl_id].names == NAMES
    assert rows[ssl_id].serial == chain.leaf.serial


def chain_of(pem: str, simulator: Simulator) -> Chain:
    """Return the verified chain of what was collected for KEY."""
    roots = TrustedRoots(tuple(x509.load_pem_x509_certificates(simulator.root_pem.encode())))
    return Delivery.parse(pem, public_key_bytes(KEY.private_key.public_key())).chain(ChainForm.COMPATIBLE, roots, NOW)


def collected(authority: ScmClient, ssl_id: int) -> str:
    """Collect as the state machine does: again while the order is pending."""
    for _ in range(4):
        try:
            return authority.collect(ssl_id)
        except errors.OrderPending:
            continue
    return authority.collect(ssl_id)


@pytest.mark.parametrize(
    ("outcome", "error"),
    [("declined", errors.OrderDeclined), ("rejected", errors.OrderRejected), ("invalid", errors.OrderRejected)],
)
@pytest.mark.parametrize("answer", ["pending", "-169"])
def test_the_details_of_an_order_show_that_it_has_ended(
    authority: ScmClient, simulator: Simulator, outcome, error, answer
):
    """Collect may go on saying "being processed" for ever."""
    simulator.dials.outcome, simulator.dials.dead_order_answer = outcome, answer
    ssl_id = authority.enroll(order())

    for _ in range(3):
        with pytest.raises((errors.OrderPending, errors.OrderUnknown)):
            authority.collect(ssl_id)

    assert error_of_status(authority.details(ssl_id).status) is error


# ---- Lost answers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset_after", ENROLL),
        Fault("empty", ENROLL),
        Fault("truncated", ENROLL),
        Fault("too_many_requests", ENROLL, processed=True),
        Fault("unavailable", ENROLL, processed=True),
        Fault("bad_gateway", ENROLL, processed=True),
    ],
    ids=lambda fault: fault.kind,
)
def test_an_order_whose_answer_was_lost_is_found_and_not_made_twice(
    authority: ScmClient, simulator: Simulator, fault: Fault
):
    """The reason for AnswerLost: the order exists."""
    simulator.dials.faults = [fault]
    with pytest.raises(errors.AnswerLost):
        authority.enroll(order())

    found = find(authority)

    assert [made.ssl_id for made in simulator.orders] == [found]


@pytest.mark.parametrize("kind", ["reset_before", "unavailable", "bad_gateway", "too_many_requests"])
def test_an_order_that_never_arrived_is_not_found(authority: ScmClient, simulator: Simulator, kind):
    """The same error, and nothing there: the search distinguishes the two."""
    simulator.dials.faults = [Fault(kind, ENROLL)]
    with pytest.raises(errors.AnswerLost):
        authority.enroll(order())

    assert search(authority) == SearchResult()


@pytest.mark.parametrize(
    "dials", [{"department_filter": "organisation"}, {"name_filter": "none"}], ids=lambda dials: next(iter(dials))
)
def test_the_report_has_an_order_that_no_filter_matches(
    authority: ScmClient, simulator: Simulator, dials: dict[str, str]
):
    """Which filters match is not documented for a department's account; a second source is one request."""
    ssl_id = authority.enroll(order())
    for dial, value in dials.items():
        setattr(simulator.dials, dial, value)

    assert search(authority) == SearchResult(ssl_id, "SSL report")


@pytest.mark.parametrize("report", [0, -3, -1601])
def test_an_internationalised_name_is_searched_in_both_forms(authority: ScmClient, simulator: Simulator, report: int):
    """SCM is not known to list the form that was ordered; the report may be hidden or refused."""
    simulator.dials.report_status_code = report
    names = ("xn--bcher-kva.service.example.edu",)
    ssl_id = authority.enroll(order(names))
    assert search(authority, names=names) == SearchResult(ssl_id, f"commonName={names[0]}")

    simulator.dials.common_name_form = "u-label"

    assert search(authority, names=names) == SearchResult(ssl_id, "commonName=bücher.service.example.edu")

    simulator.dials.common_name_form = "upper-case"

    assert search(authority, names=names) == SearchResult(ssl_id, f"commonName={names[0]}")


def test_an_order_without_its_comment_is_a_candidate(authority: ScmClient, simulator: Simulator):
    """Where comments are hidden, nothing shows that it is another client's order."""
    ssl_id = authority.enroll(order())
    simulator.dials.hidden_comments = True
    assert search(authority) == SearchResult(candidates=(ssl_id,))

    simulator.dials.name_filter = "none"
    assert search(authority) == SearchResult(candidates=(ssl_id,)), "in the report alone"


def test_an_order_requested_before_ours_is_no_candidate(authority: ScmClient, simulator: Simulator, clock: HandClock):
    """The predecessor has the same names; a day's margin covers the missing time zone of SCM's dates."""
    clock.now = NOW - timedelta(days=4)
    authority.enroll(order(token="older"))
    clock.now = NOW
    simulator.dials.hidden_comments = True

    assert search(authority) == SearchResult()


def test_an_order_is_found_once_it_is_listed(authority: ScmClient, simulator: Simulator, clock: HandClock):
    """Until then there is no trace of it, in no source."""
    simulator.dials.listing_delay_seconds = 900
    ssl_id = authority.enroll(order())
    assert search(authority) == SearchResult()

    clock.advance(minutes=15)
    assert find(authority) == ssl_id
