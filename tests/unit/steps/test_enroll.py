"""Ordered once, whatever happens on the way; and no key is lost."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from renewal.deadline import Deadline
from renewal.domain.delegation import Profile
from renewal.domain.due import Cause
from renewal.domain.errors import (
    AcmCertificateMissing,
    AddressRefused,
    AnswerLost,
    CredentialRefused,
    DcvLapsed,
    KeyRefused,
    MandateEnded,
    NameNotDelegated,
    OrderConflict,
    OrderDeclined,
    OrderLimitReached,
    OrderPending,
    OrderUnconfirmed,
    OrderUndecided,
    PermissionMissing,
    PlanUnreadable,
    ProfileRefused,
    RenewalError,
    ScmRefused,
    ScmUnavailable,
    StoreUnavailable,
    TermRefused,
    shortened,
)
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair, public_key_bytes, requested_key
from renewal.domain.order import CLOSED, MOST_POSTS, EnrollRequest, FinishedOrder, OrderStatus
from renewal.domain.replacement_rule import Caps, ReplacementRule
from renewal.domain.run.payload import Task
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import Inspection
from renewal.domain.setup.snapshot import ReportedCertificate
from renewal.domain.setup.unrecorded import unrecorded_orders
from renewal.steps.plan_collection import PlanCollection
from tests.assertions import assert_ordered_once
from tests.fakes import FakeOrderBook, FakeSeal, Killed, interrupted, killed
from tests.unit.system import DELEGATION, IDP, NOW, PATH, QUIET, System, stored_by


def lose_and_search(system: System, posts: int = 1) -> None:
    """The answer to the first of *posts* that never arrive is lost, and one search a second later finds nothing."""
    system.prove_search()
    system.scm.lost_before = posts
    with pytest.raises(OrderUnconfirmed):
        system.enroll()
    system.clock.advance(seconds=1)
    with pytest.raises(OrderUnconfirmed):
        system.enroll()


def test_a_plan_with_more_orders_than_the_limit_is_not_believed(system: System) -> None:
    """Fault S9: whoever forges a plan must not order without end. An order of this run that has ended counts, too."""
    specs = [replace(IDP, name=f"c{number}", names=(f"c{number}.apps.univ.example",)) for number in range(3)]
    system.add(*specs)
    first, second, third = map(system.task, specs)
    system.collect(system.enroll(first, most_orders=2))
    progress = system.enroll(second, most_orders=2)

    with pytest.raises(OrderLimitReached, match="2 orders of univ"):
        system.enroll(third, most_orders=2)

    assert system.enroll(second, most_orders=2) == progress
    assert system.enroll(replace(third, run_id="tomorrow"), most_orders=2).ssl_id


@dataclass(slots=True)
class WithoutHistory(FakeOrderBook):
    """Refuses to read a whole audit trail, from when it is closed."""

    is_closed: bool = False

    def history(self, delegation: str, certificate: str) -> Any:
        """Read that of one certificate."""
        assert certificate or not self.is_closed
        return FakeOrderBook.history(self, delegation, certificate)


def test_an_order_reads_no_trail_of_its_whole_delegation() -> None:
    """Ten thousand certificates have eighty thousand rows a year: each order would read them all."""
    system = System(book=(book := WithoutHistory()))
    system.add(IDP)
    system.book.adopt(PATH, stored_by(IDP, age=150), NOW)
    task = system.task(causes=("age",))
    system.inspect(system.plan_of("univ"))
    book.is_closed = True

    assert system.enroll(task).ssl_id


@pytest.mark.parametrize(("delegation", "is_ordered"), [("univ", True), ("lab", False)])
def test_only_a_rule_that_covers_it_raises_the_limit(system: System, delegation: str, *, is_ordered: bool) -> None:
    """The limit of a rule is read from the order book, which no function can write, not from the plan."""
    specs = [replace(IDP, name=f"c{number}", names=(f"c{number}.apps.univ.example",)) for number in range(3)]
    system.add(*specs)
    for spec in specs:
        system.book.adopt(spec.record_key, stored_by(spec, age=20), NOW)
    rule = ReplacementRule(NOW, "", "incident", delegations=(delegation,), caps=Caps(2, 2))
    system.book.rules = [rule]
    first, second, third = (system.asked_task(spec, causes=("replacement",)) for spec in specs)
    system.enroll(first, most_orders=1)

    with contextlib.nullcontext() if is_ordered else pytest.raises(OrderLimitReached):
        system.enroll(second, most_orders=1)
    with pytest.raises(OrderLimitReached):
        system.enroll(third, most_orders=1)


def test_orders_for_a_rule_leave_the_limit_to_ordinary_renewals(system: System) -> None:
    """A certificate of another issuer in its last tenth was refused while the rule was worked off."""
    specs = [replace(IDP, name=f"c{number}", names=(f"c{number}.apps.univ.example",)) for number in range(3)]
    system.add(*specs)
    for spec in specs:
        system.book.adopt(spec.record_key, replace(stored_by(spec, age=190), serial=spec.name), NOW)
    system.book.rules = [ReplacementRule(NOW, "", "incident", serials=frozenset({"c0", "c1"}), caps=Caps(9, 9))]
    for spec in specs[:2]:
        system.enroll(system.task(spec, causes=("replacement",)), most_orders=1)

    assert system.enroll(system.task(specs[2], causes=("last-resort",)), most_orders=1).ssl_id


@pytest.mark.parametrize(
    ("causes", "is_ordered"),
    [
        (("replacement",), False),
        (("age", "replacement"), False),
        (("last-resort", "replacement"), True),
        (("age",), True),
    ],
)
def test_a_run_that_lasts_too_long_begins_no_order_for_a_rule(
    system: System, causes: tuple[str, ...], *, is_ordered: bool
) -> None:
    """With raised caps and an SCM that is ill, a run would last for days; the next one begins with a login."""
    system.book.adopt(PATH, stored_by(IDP, age=150), NOW)
    system.book.rules = [ReplacementRule(NOW, "", "incident", caps=Caps(150, 10_000))]
    task = system.task(causes=causes)
    system.clock.advance(seconds=2 * 3600 + 1)

    progress = system.enroll(task)

    assert progress.status == ("ordered" if is_ordered else "deferred")
    assert (PATH in system.book.orders) is is_ordered


def test_the_operators_reason_is_kept_in_order_and_audit_row(system: System) -> None:
    """The command promises that it is in the audit trail."""
    system.book.adopt(PATH, stored_by(IDP, age=20), NOW)
    task = system.asked_task()

    progress = system.enroll(task)
    order = system.book.certificate(*PATH).order
    assert order is not None
    assert order.reason == "laptop stolen"

    system.collect(progress)
    assert [row.reason for row in system.book.history(*PATH)] == ["laptop stolen"]


@dataclass(slots=True)
class RulesReadOnce(FakeOrderBook):
    """An order book in which a second reading of the rules fails."""

    is_read: bool = False

    def replacement_rules(self) -> Any:
        """Every rule, once."""
        assert not self.is_read, "the rules are read again"
        self.is_read = True
        return FakeOrderBook.replacement_rules(self)


def test_an_order_reads_the_replacement_rules_once() -> None:
    """Ten thousand orders for a rule read them two or three times each."""
    system = System(book=(book := RulesReadOnce()))
    system.add(IDP)
    system.book.adopt(PATH, stored_by(IDP, age=20), NOW)
    book.rules = [ReplacementRule(NOW, "", "incident")]

    system.enroll(system.task(causes=("replacement",)), most_orders=1)

    assert book.is_read
    assert system.book.orders[PATH].reason == "incident"


def overtaken(system: System, port: str, other: Callable[[], object]) -> dict[str, Any]:
    """The port of enroll in front of whose call the *other* run does its work."""
    ports: dict[str, tuple[object, str]] = {
        "sealer": (system.seal, "seal"),
        "book": (system.book, "open"),
        "scm": (system.scm, "reported_certificates"),
    }
    real, method = ports[port]
    return {port: interrupted(real, method, before=other)}


# ---- The ordinary case ---------------------------------------------------------------------------------------------


def test_an_order_has_the_values_of_the_spec(system: System) -> None:
    """Department, profile, the longest term allowed, names, and a comment by which it is found again."""
    progress = system.enroll(system.task(causes=("new",)))

    (sent,) = [order.request for order in system.scm.orders.values()]
    order = system.book.orders[PATH]
    assert (sent.department_id, sent.profile_id, sent.term_days, sent.names) == (1698, 1018, 199, ("idp.univ.example",))
    assert f" {order.token} " in sent.comment
    assert order.token == progress.token
    assert (progress.ssl_id, progress.status, order.status) == (5001, "ordered", OrderStatus.ORDERED)
    assert (order.causes, order.run_id, order.posts) == (("new",), "run", 1)


def test_the_sealed_key_is_the_one_of_the_request(system: System) -> None:
    """And it opens for this order only."""
    system.enroll()

    order = system.book.orders[PATH]
    key = system.seal.open(order.sealed_key, delegation="univ", certificate="idp", token=order.token)
    assert public_key_bytes(key.private_key.public_key()) == requested_key(order.csr)


def test_the_intent_and_its_key_are_written_before_the_post(system: System) -> None:
    """A run that is killed after the POST leaves the key behind."""
    observed: list[OrderStatus] = []
    scm = interrupted(system.scm, "enroll", before=lambda: observed.append(system.book.orders[PATH].status))

    system.enroll(scm=scm)

    assert observed == [OrderStatus.INTENT]


def test_each_order_has_a_key_of_its_own(system: System) -> None:
    """A key that leaked is replaced with its certificate."""
    system.renew()
    system.book.ask(PATH, "again", NOW)
    system.renew()

    found, other = (order.request.csr for order in system.scm.orders.values())
    assert requested_key(found) != requested_key(other)


def test_an_order_that_is_open_is_continued_not_repeated(system: System) -> None:
    """The run before left it; this one collects it."""
    first = system.enroll()
    second = system.enroll(system.task(run_id="tomorrow"))

    assert (second.token, second.ssl_id) == (first.token, first.ssl_id)
    assert system.scm.calls["enroll"] == 1
    assert system.scm.calls["find"] == 0


def test_profiles_are_read_once_a_run(system: System) -> None:
    """The inspection of this run has them; that of yesterday does not count."""
    system.book.record_inspection("univ", Inspection("run", NOW, (Profile(1018, "OV", (99,)),)))
    system.enroll()
    assert system.scm.calls["profiles"] == 0
    assert next(iter(system.scm.orders.values())).request.term_days == 99

    later = System()
    later.add(IDP)
    later.book.record_inspection("univ", Inspection("yesterday", NOW, (Profile(1018, "OV", (99,)),)))
    later.enroll()
    assert next(iter(later.scm.orders.values())).request.term_days == 199


def test_an_open_order_keeps_the_fields_that_it_was_opened_with(system: System) -> None:
    """The delegation file may change while the answer is lost; another POST is the same request."""
    ordered = replace(IDP, custom_fields={"Cost centre": "4711"}, external_requester="pki@univ.example")
    system.add(ordered)
    system.scm.lost_before = 1
    with pytest.raises(OrderUnconfirmed):
        system.enroll()

    system.add(replace(IDP, custom_fields={"Cost centre": "9"}))

    posted = EnrollRequest.of(system.book.orders[PATH])
    assert (posted.custom_fields, posted.external_requester) == ({"Cost centre": "4711"}, "pki@univ.example")


# ---- Foreseen refusals: nothing is sent, nothing is opened -----------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"names": ("sp.univ.example",)}, NameNotDelegated),
        ({"profile_id": 7}, ProfileRefused),
        ({"term_days": 30}, TermRefused),
        ({"key_type": KeyType.P_384}, KeyRefused),
        ({"stores": ("acm:eu-west-3",), "arns": {"eu-west-3": "arn:gone"}}, AcmCertificateMissing),
    ],
)
def test_what_can_be_foreseen_costs_no_order(
    system: System, changes: dict[str, object], error: type[Exception]
) -> None:
    """A refusal before the POST is free; one after it is an order, a key and a page."""
    system.scm.offered = (Profile(1018, "OV", (99, 199), {"EC": ("P-256",)}),)
    system.add(replace(IDP, **changes))  # type: ignore[arg-type]  # the table's columns are of many types

    with pytest.raises(error):
        system.enroll()

    assert not system.scm.orders
    assert not system.book.orders


def test_nothing_is_ordered_after_the_mandate(system: System) -> None:
    """The RAO said until when."""
    system.book.apply(replace(DELEGATION, mandate_ends=NOW.date() - timedelta(days=1)), now=NOW)

    with pytest.raises(MandateEnded):
        system.enroll()
    assert not system.scm.calls


# ---- Never twice: the answer was lost --------------------------------------------------------------------------------


def test_an_unconfirmed_order_is_searched_for_not_posted_again(system: System) -> None:
    """The order is adopted by its token."""
    system.scm.lost_after = 1
    with pytest.raises(OrderUnconfirmed, match="SCM may have accepted order token1"):
        system.enroll()

    progress = system.enroll()

    assert (progress.ssl_id, system.scm.calls["enroll"]) == (5001, 1)
    assert system.book.orders[PATH].status is OrderStatus.ORDERED


def test_a_second_post_needs_two_searches_and_the_quiet_period(system: System) -> None:
    """A POST may still be on its way, and SCM's listing may lag: two searches that find nothing, five minutes apart."""
    lose_and_search(system)
    system.clock.advance(seconds=QUIET.total_seconds() - 2)
    with pytest.raises(OrderUnconfirmed, match="posted again only after a quiet period of 300 s"):
        system.enroll()
    assert system.scm.calls["enroll"] == 1

    system.clock.advance(seconds=1)
    progress = system.enroll()

    assert (system.scm.calls["enroll"], progress.ssl_id) == (2, 5001)
    assert system.book.orders[PATH].posts == 2


def test_the_first_search_never_leads_to_a_post(system: System) -> None:
    """Even a day later: one listing can lag."""
    system.prove_search()
    system.scm.lost_before = 1
    with pytest.raises(OrderUnconfirmed):
        system.enroll()
    system.clock.advance(days=1)

    with pytest.raises(OrderUnconfirmed):
        system.enroll()
    assert system.scm.calls["enroll"] == 1

    system.clock.advance(seconds=1)
    system.enroll()
    assert system.scm.calls["enroll"] == 2


def test_a_search_before_the_latest_post_does_not_count(system: System) -> None:
    """After the second POST the wait begins again."""
    lose_and_search(system, posts=2)
    system.clock.advance(minutes=6)
    with pytest.raises(OrderUnconfirmed):
        system.enroll()  # the second POST, lost as well
    assert system.scm.calls["enroll"] == 2

    system.clock.advance(minutes=6)
    with pytest.raises(OrderUnconfirmed):
        system.enroll()
    assert system.scm.calls["enroll"] == 2


def test_an_order_that_scm_never_answers_is_not_posted_for_ever(system: System) -> None:
    """SCM answers each POST with an empty 400 and lists nothing: from then on the operator decides on each request."""
    system.prove_search()
    system.scm.lost_before = 100
    for hour in range(48):
        for _ in range(2):
            with pytest.raises(OrderUnconfirmed):
                system.enroll(system.task(run_id=f"hour {hour}"))
            system.clock.advance(minutes=10)
        system.clock.advance(minutes=40)

    assert system.scm.calls["enroll"] == MOST_POSTS
    with pytest.raises(OrderUndecided, match=f"{MOST_POSTS} requests have had no answer.*--order-again.*close-order"):
        system.enroll()
    assert system.scm.calls["find"] > 48, "it is searched for all the same"

    system.scm.lost_before = 0
    system.clock.advance(seconds=1)
    system.book.permit_order_again(PATH, "SCM works again", system.clock())
    assert system.enroll(system.task(run_id="by hand")).ssl_id == 5001


def test_what_came_in_place_of_an_answer_is_kept_with_the_order(system: System) -> None:
    """SCM answers `internal error` to each order of a department; a later search shows only that there is none."""
    system.prove_search()
    system.scm.answers["enroll"] = AnswerLost("SCM refused to enroll: code -2, 'Internal error' (HTTP 400)")
    with pytest.raises(OrderUnconfirmed):
        system.enroll()

    with pytest.raises(OrderUnconfirmed, match=r"was lost at .*SCM does not.*code -2, 'Internal error' \(HTTP 400\)"):
        system.enroll()
    assert "code -2" in system.book.orders[PATH].lost_answer


def test_an_answer_that_cannot_be_recorded_is_still_lost(system: System) -> None:
    """The order is searched for, whatever the order book has of the answer."""
    system.scm.lost_after = 1

    def busy() -> None:
        raise StoreUnavailable("busy")

    book = interrupted(system.book, "note_unconfirmed", before=busy)
    with pytest.raises(OrderUnconfirmed, match="SCM may have accepted order token1"):
        system.enroll(transitions=book)
    assert system.enroll().ssl_id == 5001


def test_each_lost_answer_makes_the_next_post_wait_longer(system: System) -> None:
    """A CA that is down for hours is not sent an order every few minutes."""
    lose_and_search(system, posts=2)
    system.clock.advance(minutes=6)
    with pytest.raises(OrderUnconfirmed):
        system.enroll()  # the second POST, lost as well
    for minutes in (6, 1):
        system.clock.advance(minutes=minutes)
        with pytest.raises(OrderUnconfirmed, match="quiet period of 600 s"):
            system.enroll()

    system.clock.advance(minutes=3)
    system.enroll()
    assert system.scm.calls["enroll"] == 3


def test_a_listing_that_lags_is_survived(system: System) -> None:
    """The order exists and two searches miss it: the quiet period is what SCM has to show it."""
    system.scm.lost_after, system.scm.hidden = 1, 2
    for minutes in (0, 1, 2):
        system.clock.advance(minutes=minutes)
        with pytest.raises(OrderUnconfirmed):
            system.enroll()

    assert system.enroll().ssl_id == 5001
    assert system.scm.calls["enroll"] == 1


def test_an_order_that_may_be_ours_stops_the_second_post(system: System) -> None:
    """SCM shows no comments: the order is listed, and nothing shows that it is another one."""
    system.prove_search()
    system.scm.lost_after, system.scm.hides_comments = 1, True
    for _ in range(4):
        with pytest.raises(OrderUnconfirmed):
            system.enroll()
        system.clock.advance(hours=1)

    with pytest.raises(OrderUndecided, match=r"SCM has 5001 for its names.*certmandate close-order univ/idp"):
        system.enroll()
    assert system.scm.calls["enroll"] == 1


def test_orders_that_the_book_has_are_no_candidates(system: System) -> None:
    """The predecessor has the same names, and its comment is hidden too."""
    system.renew()
    system.clock.advance(hours=1)
    system.scm.lost_before, system.scm.hides_comments = 1, True
    task = system.asked_task()
    for _ in range(2):
        with pytest.raises(OrderUnconfirmed, match="lost"):
            system.enroll(task)
        system.clock.advance(minutes=6)

    assert system.enroll(task).ssl_id == 5002


# ---- Never twice: a search that finds nothing proves nothing before a search has found an order ----------------------


def test_a_proof_by_one_filter_proves_nothing_of_another(system: System) -> None:
    """A certificate whose names are too long for a common name is searched for by another filter of SCM's."""
    long = replace(IDP, name="long", names=(f"{'a' * 60}.apps.univ.example",))
    system.add(long)
    system.prove_search()
    system.scm.lost_before = 1
    with pytest.raises(OrderUnconfirmed):
        system.enroll(system.task(long))

    for _ in range(3):
        system.clock.advance(minutes=10)
        with pytest.raises(OrderUndecided, match="no search by subjectAlternativeName has found an order"):
            system.enroll(system.task(long))

    system.prove_search(long)
    system.clock.advance(minutes=10)
    assert system.enroll(system.task(long)).ssl_id == 5001
    proof = system.book.delegation("univ").search_proof
    assert proof
    assert proof.filters == ("commonName", "subjectAlternativeName")


def test_without_a_proof_of_the_search_the_order_waits(system: System) -> None:
    """The first order of a delegation: no search has ever shown that SCM lists what we order."""
    system.scm.lost_before = 1
    for _ in range(4):
        with pytest.raises(OrderUnconfirmed):
            system.enroll()
        system.clock.advance(days=1)

    way_out = r"no search has found.*Search SCM for idp\.univ\.example.*certmandate renew univ/idp --order-again"
    with pytest.raises(OrderUndecided, match=way_out):
        system.enroll()
    assert system.scm.calls["enroll"] == 1


def test_a_refuted_proof_counts_as_none(system: System) -> None:
    """A later order was not found for a day: what the search shows has changed."""
    system.prove_search()
    system.scm.hidden = 2
    system.renew()
    system.clock.advance(days=1)
    system.inspect(system.plan_of("univ"))
    system.scm.lost_before = 1
    task = system.asked_task()
    for _ in range(3):
        with pytest.raises(OrderUnconfirmed):
            system.enroll(task)
        system.clock.advance(days=1)

    with pytest.raises(OrderUndecided, match="order 5001 of idp was not found within 24 hours"):
        system.enroll(task)
    assert system.scm.calls["enroll"] == 2


def test_the_proof_of_another_department_counts_as_none(system: System) -> None:
    """Filters and rights may differ there."""
    system.prove_search()
    system.book.apply(replace(DELEGATION, department_id=1700), now=NOW)
    system.scm.lost_before = 1
    for _ in range(3):
        with pytest.raises(OrderUnconfirmed):
            system.enroll()
        system.clock.advance(days=1)

    assert system.scm.calls["enroll"] == 1


def test_a_second_post_waits_for_ten_times_the_latency(system: System) -> None:
    """SCM took two minutes to list an order, so twenty are waited."""
    system.prove_search(seconds=120)
    system.scm.lost_before = 1
    for minutes in (6, 6, 6):
        with pytest.raises(OrderUnconfirmed):
            system.enroll()
        system.clock.advance(minutes=minutes)
    with pytest.raises(OrderUnconfirmed, match="1200 s"):
        system.enroll()

    system.clock.advance(minutes=2)
    system.enroll()
    assert system.scm.calls["enroll"] == 2


def test_an_order_found_after_a_lost_answer_proves_the_search(system: System) -> None:
    """It is as good a control as an order whose answer arrived."""
    system.scm.lost_after = 1
    with pytest.raises(OrderUnconfirmed):
        system.enroll()
    system.clock.advance(seconds=30)
    system.enroll()

    proof = system.book.delegation("univ").search_proof
    assert proof is not None
    assert (proof.unproven(1698), proof.latency_seconds) == ("", 30)


# ---- The operator has searched SCM -----------------------------------------------------------------------------------


def test_the_operator_permits_exactly_one_more_post(system: System) -> None:
    """The second POST is lost as well; the permission is used up, in the retries of that run as in later runs."""
    system.scm.lost_before = 2
    for _ in range(2):
        with pytest.raises(OrderUnconfirmed):
            system.enroll()
        system.clock.advance(minutes=6)
    system.book.permit_order_again(PATH, "not in SCM", system.clock())
    permitted = system.task(run_id="by hand")
    for task in (permitted, permitted, permitted, system.task(run_id="tomorrow")):
        with pytest.raises(OrderUnconfirmed):
            system.enroll(task)
        system.clock.advance(minutes=6)

    order = system.book.orders[PATH]
    assert (system.scm.calls["enroll"], order.posts, order.reason) == (2, 2, "not in SCM")


def test_a_permitted_post_still_waits_for_the_quiet_period(system: System) -> None:
    """The first POST may be on its way while the operator searches SCM."""
    system.scm.lost_before = 1
    with pytest.raises(OrderUnconfirmed):
        system.enroll()
    system.book.permit_order_again(PATH, "not in SCM", system.clock())
    permitted = system.task(run_id="by hand")
    for _ in range(2):
        system.clock.advance(minutes=2)
        with pytest.raises(OrderUnconfirmed, match="quiet period"):
            system.enroll(permitted)

    system.clock.advance(minutes=2)
    assert system.enroll(permitted).ssl_id == 5001


def test_a_permission_does_not_post_an_order_that_is_found(system: System) -> None:
    """The operator was wrong, or the order was listed since."""
    system.scm.lost_after = 1
    with pytest.raises(OrderUnconfirmed):
        system.enroll()

    system.book.permit_order_again(PATH, "not in SCM", system.clock())
    system.enroll(system.task(run_id="by hand"))
    assert system.scm.calls["enroll"] == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("port", "method"), [("sealer", "seal"), ("book", "open"), ("scm", "enroll"), ("book", "record_ordered")]
)
def test_an_enroll_that_is_killed_anywhere_is_finished_by_the_next(
    system: System, port: str, method: str, when: str
) -> None:
    """One order with the key of its intent: adopted if SCM has it, else posted after two searches."""
    system.prove_search()
    real: Any = {"sealer": system.seal, "book": system.book, "scm": system.scm}[port]
    when_killed: dict[str, Any] = {when: killed}
    with pytest.raises(Killed):
        system.enroll(**{port: interrupted(real, method, **when_killed)})
    intent = system.book.orders.get(PATH)
    for _ in range(2):
        with contextlib.suppress(OrderUnconfirmed):
            system.enroll()
        system.clock.advance(minutes=6)

    assert system.enroll().ssl_id == 5001
    assert len(system.scm.orders) == 1
    assert intent is None or system.book.orders[PATH].sealed_key == intent.sealed_key


def test_an_intent_that_cannot_be_written_is_never_posted(system: System) -> None:
    """DynamoDB is throttled: no intent, no order."""

    def throttled() -> None:
        raise StoreUnavailable("ProvisionedThroughputExceededException")

    with pytest.raises(StoreUnavailable):
        system.enroll(book=interrupted(system.book, "open", before=throttled))
    assert not system.scm.calls["enroll"]


def test_a_search_is_given_the_orders_that_the_audit_trail_has(system: System) -> None:
    """SCM lists every former order of the name; to read each of them took longer than the function has."""
    system.scm.lost_after = 1
    with pytest.raises(OrderUnconfirmed):
        system.enroll()
    own = system.book.orders[PATH].token
    former = [("univ", "idp", f"former{number}", 100 + number) for number in range(60)]
    for delegation, certificate, token, ssl_id in [*former, ("univ", "idp", own, 5001)]:
        row = (delegation, certificate, token, OrderStatus.FAILED, NOW, NOW, IDP.names, (), "run", ssl_id)
        system.book.rows.append(FinishedOrder(*row))

    assert system.enroll().ssl_id == 5001
    assert system.scm.searched[-1].others == frozenset(range(100, 160))


def test_a_failed_search_leads_to_no_conclusion(system: System) -> None:
    """Not to have looked is not to have found nothing."""
    system.scm.lost_before = 1
    with pytest.raises(OrderUnconfirmed):
        system.enroll()
    system.scm.answers["find"] = ScmUnavailable("503")
    for _ in range(2):
        system.clock.advance(minutes=6)
        with pytest.raises(ScmUnavailable):
            system.enroll()

    assert system.book.orders[PATH].searched_at is None
    assert system.scm.calls["enroll"] == 1


def test_an_order_whose_searches_scm_never_answers_is_the_operators(system: System) -> None:
    """The SSL report of a large department always takes too long: an outage would ask for nothing for weeks."""
    lose_and_search(system)
    system.scm.answers["find"] = ScmUnavailable("SCM did not answer 'report certificates': ReadTimeout")
    system.clock.advance(hours=11)
    with pytest.raises(ScmUnavailable):
        system.enroll()

    system.clock.advance(hours=1)
    with pytest.raises(OrderUndecided, match=r"'report certificates'.*--order-again.*close-order"):
        system.enroll()
    assert system.scm.calls["enroll"] == 1


def test_a_permitted_post_needs_no_answer_to_a_search_for_hours(system: System) -> None:
    """The command that the error names had no effect: each search failed before the permission was read."""
    lose_and_search(system)
    system.scm.answers["find"] = ScmUnavailable("503")
    system.book.permit_order_again(PATH, "not in SCM", system.clock())
    permitted = system.task(run_id="by hand")
    system.clock.advance(hours=1)
    with pytest.raises(ScmUnavailable):
        system.enroll(permitted)

    system.clock.advance(hours=12)
    assert (system.enroll(permitted).ssl_id, system.scm.calls["enroll"]) == (5001, 2)


def test_what_a_lost_order_requires_is_not_cut_from_its_text(system: System) -> None:
    """Texts end after 500 characters, and what SCM's proxy answered in place of SCM may be as long."""
    system.scm.answers["enroll"] = AnswerLost("x" * 600)
    with pytest.raises(OrderUnconfirmed):
        system.enroll()

    with pytest.raises(OrderUndecided) as caught:
        system.enroll()

    assert "close-order univ/idp --reason" in shortened(str(caught.value))


def test_an_ambiguous_answer_to_enroll_keeps_the_intent(system: System) -> None:
    """Pending is no answer to an order; the next attempt searches."""
    system.scm.answers["enroll"] = OrderPending("being processed")
    with pytest.raises(OrderPending):
        system.enroll()

    assert system.book.orders[PATH].status is OrderStatus.INTENT


# ---- Never twice: two runs side by side ------------------------------------------------------------------------------


def test_an_unconfirmed_order_is_not_posted_again_after_the_mandate(system: System) -> None:
    """A second POST is an order. The search, which finds what the first one made, is none."""
    lose_and_search(system)
    system.book.apply(replace(DELEGATION, mandate_ends=NOW.date() - timedelta(days=1)), now=NOW)
    system.clock.advance(minutes=6)

    with pytest.raises(MandateEnded):
        system.enroll()

    assert (len(system.scm.orders), system.book.orders) == (0, {})
    assert system.book.rows[-1].error == "MandateEnded"


@pytest.mark.parametrize("port", ["scm", "sealer", "book"])
def test_two_runs_at_once_order_once(system: System, port: str) -> None:
    """The other run orders while this one is about to: the book lets one of them open an order."""
    with pytest.raises(OrderConflict):
        system.enroll(**overtaken(system, port, system.enroll))

    assert system.enroll().ssl_id == 5001
    assert_ordered_once(order.request.comment for order in system.scm.orders.values())
    assert len(system.scm.orders) == 1


@pytest.mark.parametrize("port", ["scm", "sealer", "book"])
def test_a_run_overtaken_by_another_one_does_not_order_again(system: System, port: str) -> None:
    """The other run ordered, collected and stored while this one made its key: no order is open, and none is due."""
    task = system.task()

    with pytest.raises(OrderConflict):
        system.enroll(task, **overtaken(system, port, system.renew))
    progress = system.enroll(task)

    assert (progress.status, progress.ssl_id) == ("stored", 5001)
    assert len(system.scm.orders) == 1


def test_a_second_post_is_claimed_once(system: System) -> None:
    """Both searched twice without success; the other run claimed the POST first."""
    lose_and_search(system)
    system.clock.advance(minutes=6)
    book = interrupted(system.book, "claim_post", before=system.enroll)

    with pytest.raises(OrderConflict):
        system.enroll(book=book)

    assert len(system.scm.orders) == 1
    assert system.scm.calls["enroll"] == 2


def test_a_killed_claim_is_followed_by_the_whole_patience_again(system: System) -> None:
    """The claim was written, and it is unknown whether the POST was sent."""
    lose_and_search(system)
    system.clock.advance(minutes=6)
    with pytest.raises(Killed):
        system.enroll(book=interrupted(system.book, "claim_post", after=killed))

    with pytest.raises(OrderUnconfirmed):
        system.enroll()
    assert system.scm.calls["enroll"] == 1


def test_both_runs_may_adopt_the_same_order(system: System) -> None:
    """It is recorded with one number, twice."""
    system.scm.lost_after = 1
    with pytest.raises(OrderUnconfirmed):
        system.enroll()
    book = interrupted(system.book, "record_ordered", before=system.enroll)

    assert system.enroll(book=book).ssl_id == 5001


# ---- A definite no ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [DcvLapsed, NameNotDelegated, ScmRefused, TermRefused])
def test_a_definite_refusal_closes_the_intent_and_erases_its_key(system: System, error: type[Exception]) -> None:
    """SCM said no: no order exists, and tomorrow another may be tried."""
    system.scm.answers["enroll"] = error("no")  # type: ignore[assignment]  # all of them are errors of ours
    with pytest.raises(error):
        system.enroll()

    assert not system.book.orders
    (row,) = system.book.history("univ", "idp")
    assert (row.status, row.error, row.text, row.ssl_id) == ("failed", error.__name__, "no", None)
    certificate = system.book.certificate(*PATH)
    assert (certificate.hold_until, certificate.failures) == (None, 1)


def test_a_refusal_of_the_second_post_closes_the_order_too(system: System) -> None:
    """The audit row counts the POSTs."""
    lose_and_search(system)
    system.clock.advance(minutes=6)
    system.scm.answers["enroll"] = DcvLapsed("expired")
    with pytest.raises(DcvLapsed):
        system.enroll()

    (row,) = system.book.history("univ", "idp")
    assert row.posts == 2
    assert not system.book.orders


@pytest.mark.parametrize("error", [AddressRefused, PermissionMissing, ScmRefused])
def test_a_second_post_that_is_not_let_in_keeps_the_key(system: System, error: type[Exception]) -> None:
    """It is no answer to the first POST, whose answer was lost and whose certificate would need that key."""
    lose_and_search(system)
    system.clock.advance(minutes=6)
    system.scm.answers["enroll"] = error("no")  # type: ignore[assignment]  # all of them are errors of ours
    with pytest.raises(error):
        system.enroll()

    kept = system.book.orders[PATH]
    assert (kept.status, kept.posts, bool(kept.sealed_key)) == (OrderStatus.INTENT, 2, True)
    assert not system.book.history("univ", "idp")


@pytest.mark.parametrize("error", [PermissionMissing("-3"), ScmUnavailable("503")])
def test_an_order_depends_on_no_report_of_scm(system: System, error: RenewalError) -> None:
    """Without an inspection of this run, enroll reads the report itself; SCM may hide it from the account."""
    system.scm.answers["reported"] = error

    assert system.enroll().ssl_id == 5001


@pytest.mark.parametrize("error", [CredentialRefused, AddressRefused])
def test_an_account_refused_at_the_report_orders_nothing(system: System, error: type[RenewalError]) -> None:
    """The order would be another refused request, and SCM counts refused logins."""
    system.scm.answers["reported"] = error("no")

    with pytest.raises(error):
        system.enroll()

    assert (system.scm.calls["enroll"], system.book.orders) == (0, {})


def test_a_login_refused_at_the_post_ends_the_intent(system: System) -> None:
    """A 401 is an answer: nothing was ordered."""
    system.accounts.refused = {("univ", "v1")}
    system.book.record_inspection("univ", Inspection("run", NOW, system.scm.offered))
    with pytest.raises(CredentialRefused):
        system.enroll()

    assert not system.book.orders
    with pytest.raises(CredentialRefused):
        system.enroll()
    assert system.accounts.shown == {("univ", "v1"): 1}


def test_a_key_that_took_long_is_not_ordered_for(system: System) -> None:
    """KMS took 20 s: an intent whose POST is not sent in time would wait for a search, or for the operator."""

    class SlowSeal(FakeSeal):
        def seal(self, key: KeyPair, *, delegation: str, certificate: str, token: str) -> bytes:
            system.clock.advance(seconds=20)
            return system.seal.seal(key, delegation=delegation, certificate=certificate, token=token)

    deadline = Deadline(system.clock() + timedelta(seconds=50), system.clock)

    with pytest.raises(ScmUnavailable, match="nothing was ordered"):
        replace(system.enroll_step(sealer=SlowSeal()), deadline=deadline)(system.task())

    assert not system.book.orders
    assert not system.scm.orders


# ---- Not due any more ------------------------------------------------------------------------------------------------


def test_force_replaces_what_is_older_than_the_run(system: System) -> None:
    """Whatever its age."""
    system.renew()
    system.clock.advance(hours=1)

    assert system.enroll(system.asked_task()).status == "ordered"


def test_a_forged_task_orders_nothing_that_is_not_due(system: System) -> None:
    """A plan or an execution input that was crafted: the order book decides, whatever causes and times it claims."""
    system.renew()
    system.clock.advance(hours=1)
    forged = {**system.task(causes=("asked", "revoked", "replacement")).payload(), "forced": True, "order_again": True}

    assert system.enroll(Task.parse(forged)).status == "stored"
    assert system.scm.calls["enroll"] == 1


def test_a_forged_task_does_not_post_an_unconfirmed_order_again(system: System) -> None:
    """Only the operator, who has searched SCM, permits it: their permission is in the order book."""
    system.scm.lost_before = 1
    forged = Task.parse({**system.task(run_id="other").payload(), "order_again": True, "reason": "not in SCM"})
    for _ in range(4):
        with pytest.raises(OrderUnconfirmed):
            system.enroll(forged)
        system.clock.advance(minutes=10)

    assert system.scm.calls["enroll"] == 1


def test_a_permission_is_void_once_the_record_has_changed(system: System) -> None:
    """It was given for the names that the operator has searched SCM for."""
    system.scm.lost_before = 1
    with pytest.raises(OrderUnconfirmed):
        system.enroll()
    system.book.permit_order_again(PATH, "not in SCM", system.clock())
    system.add(replace(IDP, names=("idp.univ.example", "a.apps.univ.example")))
    for _ in range(2):
        system.clock.advance(minutes=10)
        with pytest.raises(OrderUnconfirmed):
            system.enroll()

    assert system.scm.calls["enroll"] == 1


def test_a_newer_certificate_with_the_wrong_names_is_still_due(system: System) -> None:
    """The other run's order was older than the file: force or not, what is stored is not what is wanted."""
    task = system.asked_task()
    system.renew()
    system.add(replace(IDP, names=("idp.univ.example", "a.apps.univ.example")))

    assert system.enroll(task).status == "ordered"


def test_a_revocation_that_the_inspection_found_reaches_scm(system: System) -> None:
    """Nothing else makes the certificate due."""
    system.book.adopt(PATH, stored_by(IDP, age=1), NOW)
    found = Inspection(
        "run", NOW, system.scm.offered, (Finding("x", "info", "rao", ""),), withdrawn={"ABC": Cause.REVOKED}
    )
    system.book.record_inspection("univ", found)

    assert system.enroll(system.task(causes=("revoked",))).status == "ordered"


def test_an_hourly_run_planned_before_the_record_was_written_is_stored(system: System) -> None:
    """The certificate is stored some seconds before the order book shows it; a plan of these seconds is no failure."""
    stored = system.renew()
    system.clock.advance(seconds=3)

    progress = system.enroll(system.asked_task(causes=("order-open",)))

    assert (progress.status, progress.token, progress.ssl_id) == ("stored", stored.token, stored.ssl_id)
    assert system.collect(progress) == progress
    assert len(system.scm.orders) == 1


def test_an_hourly_run_of_an_order_that_ended_meanwhile_orders_nothing(system: System) -> None:
    """Declined between the plan and this step: a new order minutes after a no would be more than was allowed."""
    progress = system.enroll()
    system.scm.orders[5001].status = "DECLINED"
    with pytest.raises(OrderDeclined):
        system.collect(progress)

    with pytest.raises(OrderDeclined):
        system.enroll(replace(system.task(), causes=("order-open",)))

    assert list(system.scm.orders) == [5001]


@pytest.mark.parametrize("cause", ["new", "age", "asked"])
def test_a_retry_after_the_order_was_declined_orders_nothing(system: System, cause: str) -> None:
    """The result of the first try was lost, and the hourly run has recorded that the order was declined."""
    if cause != "new":
        system.book.adopt(PATH, stored_by(IDP, age=150), NOW)
    task = system.asked_task() if cause == "asked" else system.task(causes=(cause,))
    progress = system.enroll(task)
    system.scm.orders[5001].status = "DECLINED"
    with pytest.raises(OrderDeclined):
        system.collect(progress)

    with pytest.raises(OrderDeclined):
        system.enroll(task)

    assert list(system.scm.orders) == [5001]


@pytest.mark.parametrize("causes", [("new",), ("order-open",)], ids=["a retry", "an hourly run"])
def test_what_the_operator_has_closed_is_not_ordered_again_by_the_same_run(
    system: System, causes: tuple[str, ...]
) -> None:
    """`close-order` promises that a later run orders again. No retry waits for another run, and nothing has failed."""
    system.enroll()
    close(system)

    assert system.enroll(system.task(causes=causes)).status == "deferred"
    assert list(system.scm.orders) == [5001]


def test_an_order_that_is_closed_before_it_is_collected_fails_no_run(system: System) -> None:
    """The operator sees why nothing was stored, and no advice about another run."""
    system.check_expiry("run")
    system.archive.write_results("run", [system._child(task) for task in system.plan("run")])
    close(system)
    PlanCollection(system.archive)("run", 0)
    system.archive.write_results("run", [system._collection(item) for item in system.archive.read("run", "collection")])

    report = system.report("run")

    (row,) = report.certificates
    assert (report.outcome, row.outcome) == ("succeeded", "deferred")
    assert row.notes == ("the operator has closed its order; a later daily run orders it if it is due",)


def test_an_order_that_is_not_in_the_order_book_any_more_is_a_fault(system: System) -> None:
    """A restored table may have lost it: `deferred` would hide that."""
    system.enroll()
    del system.book.orders[PATH]

    with pytest.raises(PlanUnreadable, match="was a table restored"):
        system.enroll(system.task(causes=("order-open",)))


def close(system: System) -> None:
    """As `certmandate close-order` does."""
    system.book.fail(system.book.orders[PATH], CLOSED, "wrong names", system.clock(), hold_until=None)


# ---- What SCM has and the order book does not ------------------------------------------------------------------------


def test_a_certificate_with_the_same_names_is_not_unrecorded(system: System) -> None:
    """Names for which an RSA and an ECDSA certificate are served, in a department whose comments SCM hides."""
    rsa = replace(IDP, name="idp-rsa", key_type=KeyType.RSA_3072)
    system.add(IDP, rsa)
    system.book.adopt(PATH, stored_by(IDP, age=150), NOW)
    system.scm.hides_comments = True
    system.renew(rsa)

    system.enroll(system.task(run_id="next", causes=("age",)))

    assert len(system.scm.orders) == 2


def test_an_order_of_ours_on_the_day_of_the_last_one_is_unrecorded(system: System) -> None:
    """SCM shows the day without a time: after a restore, an order that the book lost seems older than the last one."""
    system.renew()
    certificate = system.book.certificate(*PATH)
    row = ReportedCertificate(
        9,
        "idp.univ.example",
        IDP.names,
        "ISSUED",
        "certmandate order lost for univ/idp",
        requested=NOW - timedelta(hours=8),
    )

    found = unrecorded_orders([certificate], [row], system.book.history("univ", "idp"), NOW)

    assert [order.ssl_id for order in found] == [9]
