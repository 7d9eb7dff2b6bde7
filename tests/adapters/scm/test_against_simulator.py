"""The whole client against the simulator, which is written from the reference and not from this client."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from renewal.adapters.scm.accounts import ScmAccounts
from renewal.adapters.scm.client import ScmClient
from renewal.domain import errors
from renewal.domain.certificate import Chain
from renewal.domain.keypair import KeyPair, KeyType, public_key_bytes
from renewal.domain.order import EnrollRequest, ended
from renewal.domain.order_search import SearchedOrder, SearchResult
from scm_simulator.simulator import Simulator
from scm_simulator.world.fault import Fault
from tests.adapters.scm.stage import NOW, SIMULATED_LOGIN, Vault
from tests.fakes import HandClock

DEPARTMENT = 2001
PROFILE = 3001
NAMES = ("portal.example.edu", "a.service.example.edu", "service.example.edu")
KEY = KeyPair.generate(KeyType.P_256)
ENROLL = "POST /api/ssl/v1/enroll"


def order(
    names: tuple[str, ...] = NAMES, *, token: str = "t0ken", profile: int = PROFILE, term: int = 90
) -> EnrollRequest:
    """Return a request that the example world grants."""
    comment = f"certmandate order {token} for univ/portal"
    return EnrollRequest(DEPARTMENT, profile, term, names, KEY.signing_request(names), comment)


def find(authority: ScmClient, token: str = "t0ken", names: tuple[str, ...] = NAMES) -> int | None:
    """Return the SSL ID under which the order with *token* is found."""
    return search(authority, token, names).ssl_id


def search(authority: ScmClient, token: str = "t0ken", names: tuple[str, ...] = NAMES) -> SearchResult:
    """Search for the order with *token*, opened just now."""
    return authority.find(SearchedOrder(token, names, DEPARTMENT, NOW))


# ---- All that a renewal asks ---------------------------------------------------------------------


def test_a_certificate_is_ordered_awaited_and_collected(authority: ScmClient):
    """The main job, by both ways to log in."""
    ssl_id = authority.enroll(order())
    with pytest.raises(errors.OrderPending):
        authority.collect(ssl_id)

    chain = Chain.assemble(authority.collect(ssl_id), public_key_bytes(KEY.private_key.public_key()))

    assert set(chain.leaf.names) == set(NAMES)
    assert len(chain.issuers) == 1
    details = authority.details(ssl_id)
    assert (details.status, details.serial) == ("ISSUED", chain.leaf.serial)


def test_an_order_is_found_by_its_token(authority: ScmClient):
    """What makes a lost answer harmless."""
    first, second = authority.enroll(order(token="one")), authority.enroll(order(token="two"))

    assert find(authority, "one", NAMES) == first
    assert find(authority, "two", NAMES) == second
    assert find(authority, "three", NAMES) is None


@pytest.mark.parametrize("others", [(), ("portal.example.edu",)])
def test_an_order_is_found_when_its_first_name_is_no_common_name(authority: ScmClient, others: tuple[str, ...]):
    """64 characters fit: the common name is a later name, or there is none."""
    names = (f"{'a' * 60}.service.example.edu", *others)
    ssl_id = authority.enroll(order(names))

    assert find(authority, "t0ken", names) == ssl_id


def test_profiles_come_with_terms_and_key_types(authority: ScmClient):
    """They decide what is asked for."""
    profiles = {profile.profile_id: profile for profile in authority.profiles(DEPARTMENT)}

    assert profiles[PROFILE].terms == (90, 199)
    profiles[PROFILE].require_key_type(KeyType.P_256)
    with pytest.raises(errors.KeyRefused):
        profiles[3002].require_key_type(KeyType.P_256)


def test_the_report_lists_what_was_ordered(authority: ScmClient):
    """One request for all that SCM knows of the department."""
    ssl_id = authority.enroll(order())

    (row,) = authority.reported(DEPARTMENT)

    assert (row.ssl_id, row.names, row.comment) == (ssl_id, NAMES, order().comment)


def test_a_revoked_certificate_shows_in_the_report(authority: ScmClient, simulator: Simulator):
    """The only way in which we learn of it."""
    simulator.dials.issuance_polls = 0
    ssl_id = authority.enroll(order())
    simulator.revoke(ssl_id)

    assert [row.status for row in authority.reported(DEPARTMENT)] == ["REVOKED"]
    with pytest.raises(errors.OrderRevoked):
        authority.collect(ssl_id)


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
        {"faults": [Fault("reset_before", "GET *", times=1)]},
        {"faults": [Fault("reset_after", "GET *", times=1)]},
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
    chain = Chain.assemble(collected(authority, ssl_id), public_key_bytes(KEY.private_key.public_key()))
    assert set(chain.leaf.names) == set(NAMES)
    assert authority.details(ssl_id).serial == chain.leaf.serial
    rows = {row.ssl_id: row for row in authority.reported(DEPARTMENT)}
    assert rows.keys() == {*others, ssl_id}
    assert rows[ssl_id].names == NAMES
    assert rows[ssl_id].serial == chain.leaf.serial


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
    [
        ("declined", errors.OrderDeclined),
        ("rejected", errors.OrderRejected),
        ("invalid", errors.OrderRejected),
    ],
)
@pytest.mark.parametrize("answer", ["pending", "unavailable"])
def test_the_details_of_an_order_show_that_it_has_ended(
    authority: ScmClient, simulator: Simulator, outcome, error, answer
):
    """Collect may go on saying "being processed" for ever."""
    simulator.dials.outcome, simulator.dials.dead_order_answer = outcome, answer
    ssl_id = authority.enroll(order())

    for _ in range(3):
        with pytest.raises((errors.OrderPending, errors.OrderUnknown)):
            authority.collect(ssl_id)

    assert ended(authority.details(ssl_id).status) is error


def test_an_order_that_was_never_made_is_unknown(authority: ScmClient):
    """Its number was lost, or is another client's."""
    for ask in (authority.collect, authority.details):
        with pytest.raises(errors.OrderUnknown):
            ask(424242)


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
    """The same error, and nothing there: the search tells the two apart."""
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


# ---- Refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dials", "error"),
    [
        ({"dcv": "EXPIRED", "dcv_refusal": "-107"}, errors.DcvLapsed),
        ({"dcv": "EXPIRED", "dcv_refusal": "-737"}, errors.DcvLapsed),
        ({"dcv": "NOT_VALIDATED", "dcv_refusal": "-1137"}, errors.DcvLapsed),
        ({"organisation_validation": "EXPIRED"}, errors.OrganisationNotValidated),
        ({"web_api": False}, errors.PermissionMissing),
        ({"external_requester_required": True}, errors.RequestRefused),
        ({"mandatory_custom_field": "cost centre"}, errors.RequestRefused),
    ],
    ids=str,
)
def test_what_the_organisation_must_put_right_is_named(
    authority: ScmClient, simulator: Simulator, dials: dict[str, object], error
):
    """Nothing was ordered, and the error's name shows who must act."""
    for dial, value in dials.items():
        setattr(simulator.dials, dial, value)

    with pytest.raises(error) as caught:
        authority.enroll(order())

    assert type(caught.value) is error
    assert not simulator.orders


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (order(("portal.example.edu", "www.portal.example.edu")), errors.NameNotDelegated),
        (order(profile=9999), errors.ProfileRefused),
        (order(term=365), errors.TermRefused),
        (order(profile=3002, term=199), errors.KeyRefused),
    ],
    ids=["name", "profile", "term", "key"],
)
def test_what_the_operator_must_put_right_is_named(authority: ScmClient, request_, error):
    """The delegation file asks for what SCM does not give."""
    with pytest.raises(error):
        authority.enroll(request_)


# ---- Logins ----------------------------------------------------------------------------------------


def test_a_wrong_password_never_locks_the_account(
    connected: Callable[[Vault], ScmAccounts], credentials: Vault, simulator: Simulator
):
    """However often the steps ask, SCM sees one failed attempt."""
    simulator.dials.lock_after = 2
    credentials.store("1", {**SIMULATED_LOGIN, "password": "wrong"})
    made = connected(credentials)
    for _ in range(5):
        with pytest.raises(errors.CredentialRefused):
            made.authority("univ").profiles(DEPARTMENT)

    credentials.store("2", SIMULATED_LOGIN)

    assert made.authority("univ").profiles(DEPARTMENT)
    assert [call.status for call in simulator.calls] == [401, 200]


@pytest.mark.parametrize(("answer", "error"), [("401", errors.CredentialRefused), ("403", errors.AddressRefused)])
def test_an_address_outside_the_access_list_is_named_when_scm_reports_it(
    connected: Callable[[Vault], ScmAccounts], credentials: Vault, simulator: Simulator, answer, error
):
    """SCM may hide it behind a 401; then the password is to blame first."""
    simulator.dials.blocked_address_answer = answer
    simulator.dials.peer_address_header = "user-agent"  # no address, so never an allowed one
    admin = simulator._state.admins["drao-example"]
    object.__setattr__(admin.spec, "allowed_addresses", ("192.0.2.7/32",))

    with pytest.raises(error):
        connected(credentials).authority("univ").profiles(DEPARTMENT)
