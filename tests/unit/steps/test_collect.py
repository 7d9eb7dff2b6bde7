"""What was ordered is fetched, checked and stored; nothing is lost on the way, and nothing unverified gets in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from renewal.domain.due import EVERY_DAILY_RUN
from renewal.domain.errors import (
    AddressRefused,
    CertificateMismatch,
    CertificateUnusable,
    ChainBroken,
    CredentialRefused,
    KeyLost,
    NeedsAttention,
    OrderConflict,
    OrderDeclined,
    OrderRejected,
    OrderRevoked,
    OrderUnknown,
    PermissionMissing,
    PlanUnreadable,
    RecordUnreadable,
    RenewalError,
    ScmRefused,
    ScmUnavailable,
    StoreUnavailable,
)
from renewal.domain.order import IMPORT_LEASE, OrderStatus
from renewal.domain.order_search import SearchControl, SearchProof, SearchResult
from renewal.domain.run.payload import Progress
from renewal.ports.stores import CertificateWithKey
from renewal.steps.collect import LONGEST_COLLECTING
from tests.assertions import assert_leaf_first, assert_pair, assert_whole_store
from tests.fakes import FakeAcm, Killed, interrupted, killed
from tests.throwaway_ca import hierarchy, pem
from tests.unit.system import IDP, NOW, PATH, System, stored_by

EVERYWHERE = replace(IDP, stores=("acm:eu-west-3", "acm:us-east-1", "s3"))


def ordered(system: System) -> Progress:
    """An order that SCM has; its certificate wants all stores."""
    system.add(EVERYWHERE)
    return system.enroll()


def assert_stored_everywhere(system: System) -> None:
    """One certificate, the same in two regions and in S3, with its key; announced; the order is over."""
    stored = system.stored()
    assert not system.book.orders
    assert sorted(stored.arns) == ["eu-west-3", "us-east-1"]
    assert {system.acm.held[arn].chain.leaf.serial for arn in stored.arns.values()} == {stored.serial}
    assert len(system.acm.held) == 2, "ACM holds an orphan"
    for pair in system.acm.held.values():
        assert_pair(pair.chain.leaf.pem(), pair.key.pem().decode())
        assert_leaf_first(pair.chain.pem())
    assert system.objects.current == {PATH: stored.serial}
    assert_whole_store(system.objects.files, system.objects.current)
    assert system.announcer.announced[-1] == ("univ/idp", stored.serial)


# ---- The ordinary case ---------------------------------------------------------------------------------------------


def test_a_certificate_goes_with_its_key_into_every_store(system: System) -> None:
    """And the order book has it."""
    progress = system.collect(ordered(system))

    stored = system.stored()
    assert_stored_everywhere(system)
    assert progress.status == "stored"
    assert (stored.token, stored.ssl_id, stored.names) == (progress.token, 5001, ("idp.univ.example",))
    assert (stored.stores, stored.issuer) == (EVERYWHERE.stores, "CN=Throw-Away EC CA")
    assert stored.not_after - stored.not_before == timedelta(days=199)
    assert (stored.stored_at, system.book.next_actions[PATH] > NOW) == (NOW, True)


@pytest.mark.parametrize("more", [(), (ExtendedKeyUsageOID.CLIENT_AUTH,)])
def test_what_is_served_records_whether_it_has_client_auth(system: System, more: tuple[Any, ...]) -> None:
    """Sectigo removes it on 10 February 2027, and the certificates that have it are reported before."""
    system.scm.bundles = lambda order, leaf: pem(
        hierarchy().ec.issue(
            leaf.public_key(),  # type: ignore[arg-type]
            order.request.names,
            not_before=NOW,
            days=199,
            usages=(ExtendedKeyUsageOID.SERVER_AUTH, *more),
        ),
        hierarchy().ec.certificate,
    )
    system.collect(ordered(system))

    assert system.stored().client_auth is bool(more)


def test_the_audit_row_describes_the_stored_certificate(system: System) -> None:
    """Written once, when the order ends."""
    system.collect(ordered(system))

    (row,) = system.book.history("univ", "idp")
    stored = system.stored()
    assert (row.status, row.ssl_id, row.serial, row.previous_serial) == ("stored", 5001, stored.serial, "")
    assert (row.causes, row.posts, row.arns) == (("new",), 1, stored.arns)


def test_a_renewal_goes_into_the_same_arns_and_erases_the_old_key(system: System) -> None:
    """Load balancers keep their association; a key that is no longer served is deleted."""
    system.collect(ordered(system))
    before = system.stored()
    system.book.ask(PATH, "again", NOW)
    system.collect(system.enroll())

    after = system.stored()
    assert_stored_everywhere(system)
    assert after.arns == before.arns
    assert f"univ/idp/{before.serial}/privkey.pem" not in system.objects.files
    assert f"univ/idp/{before.serial}/fullchain.pem" in system.objects.files
    assert system.scm.marked == {5001: 5002}
    assert system.book.history("univ", "idp")[-1].previous_serial == before.serial
    assert system.book.certificate(*PATH).asked_reason == ""


def test_a_store_that_was_added_gets_an_arn_of_its_own(system: System) -> None:
    """Stores-changed is a renewal: the key exists nowhere any more."""
    system.renew()
    system.add(EVERYWHERE)
    system.collect(system.enroll())

    assert_stored_everywhere(system)


def test_a_certificate_without_the_store_s3_is_not_put_there(system: System) -> None:
    """Each store only when the file names it."""
    only_acm = replace(IDP, stores=("acm:eu-west-3",))
    system.add(only_acm)
    system.renew(only_acm)

    assert not system.objects.files
    assert len(system.acm.held) == 1


def test_a_certificate_is_compared_with_its_order_not_with_the_file(system: System) -> None:
    """The order is frozen; the change is the next order's."""
    progress = system.enroll()
    system.add(replace(IDP, names=("idp.univ.example", "a.apps.univ.example")))

    system.collect(progress)

    assert system.stored().names == ("idp.univ.example",)
    assert system.book.next_actions[PATH] == EVERY_DAILY_RUN


# ---- Pending -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [lambda _: "", lambda _: "no PEM", lambda _: "é", lambda text: text[:-60], lambda text: text.replace("MI", "AA")],
)
def test_a_damaged_open_order_fails_under_a_name(system: System, damage: Callable[[str], str]) -> None:
    """Fault O9: an exception of the library would have no section in the runbook."""
    progress = system.enroll()
    order = system.book.orders[PATH]

    system.book.orders[PATH] = replace(order, csr=damage(order.csr))
    with pytest.raises(RecordUnreadable, match="signing request"):
        system.collect(progress)

    issued = damage(system.scm.collect(5001))
    system.book.orders[PATH] = replace(order, status=OrderStatus.ISSUED, chain=issued)
    with pytest.raises((ChainBroken, CertificateMismatch)):
        system.collect(progress)
    assert [row.outcome for row in system.daily_run().certificates] == ["failed"]


def test_an_hourly_run_polls_an_order_once(system: System) -> None:
    """The next one is an hour away: five polls of each open order, every hour, would fill the hours of a slow CA."""
    system.scm.polls = 40
    system.enroll()

    report = system.daily_run(open_orders_only=True, scheduled_at="2026-11-23T09:00:00Z")

    assert [row.outcome for row in report.certificates] == ["pending"]
    assert system.scm.calls["collect"] == 1


def test_pending_is_confirmed_by_the_details_once_in_ten_minutes(system: System) -> None:
    """A declined order answers like a pending one; details cost SCM more than polls."""
    system.scm.polls = 100
    progress = system.enroll()
    for _ in range(21):
        assert system.collect(progress).status == "pending"
        system.clock.advance(minutes=1)

    assert (system.scm.calls["collect"], system.scm.calls["details"]) == (21, 3)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("DECLINED", OrderDeclined),
        ("REJECTED", OrderRejected),
        ("INVALID", OrderRejected),
        ("REVOKED", OrderRevoked),
        ("EXPIRED", OrderRevoked),
    ],
)
def test_a_declined_order_is_not_polled_for_ever(system: System, status: str, error: type[NeedsAttention]) -> None:
    """It ends with an audit row, its key is erased, and no new one is ordered before a day is over."""
    progress = system.enroll()
    system.scm.orders[5001].status = status
    with pytest.raises(error, match=f"SCM order 5001 of univ/idp is {status.lower()}"):
        system.collect(progress)

    assert not system.book.orders
    (row,) = system.book.history("univ", "idp")
    assert (row.status, row.error, row.ssl_id) == ("failed", error.__name__, 5001)
    certificate = system.book.certificate(*PATH)
    assert certificate.hold_until == NOW + timedelta(days=1)
    assert (certificate.last_error, certificate.failures) == (error.__name__, 1)


def test_a_request_while_an_order_is_open_stays(system: System) -> None:
    """The key of the order was made before the operator asked for another one."""
    progress = system.enroll()
    system.book.ask(PATH, "key stolen", system.clock())
    system.collect(progress)
    assert system.book.certificate(*PATH).asked_reason == "key stolen"

    system.collect(system.enroll(system.task(run_id="next", causes=("asked",))))
    assert system.book.certificate(*PATH).asked_reason == ""


def test_a_request_between_plan_and_order_is_met_by_the_order(system: System) -> None:
    """One order is enough: its key is made after the request."""
    task = system.task()
    system.book.ask(PATH, "key stolen", system.clock())

    system.collect(system.enroll(task))

    assert system.book.certificate(*PATH).asked_reason == ""
    assert system.book.history(*PATH)[-1].causes == ("new", "asked")


def test_a_hold_grows_with_every_failure_and_ends_with_success(system: System) -> None:
    """1, 2, 4, 8, 8 days: a RAO who declines every day is asked less often."""
    holds = []
    for number in range(5):
        system.book.ask(PATH, "again", system.clock())
        progress = system.enroll(system.task(run_id=f"run-{number}"))
        system.scm.orders[progress.ssl_id].status = "DECLINED"
        with pytest.raises(OrderDeclined):
            system.collect(progress)
        holds.append((system.book.certificate(*PATH).hold_until or NOW) - system.clock())
    system.clock.advance(days=8)
    system.renew()

    assert [hold.days for hold in holds] == [1, 2, 4, 8, 8]
    certificate = system.book.certificate(*PATH)
    assert (certificate.failures, certificate.hold_until) == (0, None)


def test_an_order_that_turns_out_revoked_when_collected_is_over(system: System) -> None:
    """SCM reports it instead of the certificate."""
    progress = system.enroll()
    system.scm.answers["collect"] = OrderRevoked("revoked and cannot be downloaded")
    with pytest.raises(OrderRevoked):
        system.collect(progress)

    assert not system.book.orders


@pytest.mark.parametrize("error", [OrderUnknown, ScmRefused, ScmUnavailable, AddressRefused])
def test_an_error_that_does_not_end_the_order_keeps_it_open(system: System, error: type[Exception]) -> None:
    """An order that is given up loses its key, and the next run orders again."""
    progress = system.enroll()
    system.scm.answers["collect"] = error("no")  # type: ignore[assignment]  # all of them are errors of ours
    with pytest.raises(error):
        system.collect(progress)

    assert system.book.orders[PATH].status is OrderStatus.ORDERED
    del system.scm.answers["collect"]
    assert system.collect(progress).status == "stored"


def test_details_that_cannot_be_read_leave_the_order_pending(system: System) -> None:
    """The next poll asks again, for nothing was confirmed."""
    system.scm.polls = 2
    progress = system.enroll()
    system.scm.answers["details"] = ScmUnavailable("503")
    with pytest.raises(ScmUnavailable):
        system.collect(progress)

    assert system.book.orders[PATH].confirmed_at is None


# ---- What is not what was asked ------------------------------------------------------------------------------------


def assert_nothing_stored(system: System) -> None:
    """No store, no event, no stored certificate."""
    assert not system.acm.held
    assert not system.objects.files
    assert not system.announcer.announced
    assert system.book.certificate(*PATH).stored is None


@pytest.mark.parametrize("usages", [(), (ExtendedKeyUsageOID.CLIENT_AUTH,)])
def test_a_mismatch_is_not_stored_and_keeps_the_order_open(system: System, usages: tuple[object, ...]) -> None:
    """The operator inspects it before a new order, which would give the same certificate."""
    system.scm.bundles = lambda order, leaf: pem(
        hierarchy().ec.issue(leaf.public_key(), order.request.names, not_before=NOW, days=9, usages=usages),  # type: ignore[arg-type]
        hierarchy().ec.certificate,
    )
    progress = ordered(system)
    for _ in range(2):
        with pytest.raises(CertificateMismatch, match="serverAuth"):
            system.collect(progress)

    assert_nothing_stored(system)
    assert system.book.orders[PATH].status is OrderStatus.ORDERED
    assert system.book.orders[PATH].storing_error == "CertificateMismatch"
    assert not system.book.rows


@pytest.mark.parametrize(
    ("bundle", "error"),
    [
        ("<html>Gateway Timeout</html>", ChainBroken),
        (pem(hierarchy().ec.certificate, hierarchy().root.certificate), CertificateMismatch),
    ],
)
def test_a_certificate_for_another_key_is_not_stored(system: System, bundle: str, error: type[NeedsAttention]) -> None:
    """No pair, no store."""
    system.scm.bundles = lambda _order, _leaf: bundle
    progress = ordered(system)
    with pytest.raises(error):
        system.collect(progress)

    assert_nothing_stored(system)
    assert system.book.orders[PATH].status is OrderStatus.ORDERED


def test_a_key_that_cannot_be_opened_stores_nothing(system: System) -> None:
    """The certificate is safe in the book; the key policy may be fixed."""
    progress = ordered(system)
    order = system.book.orders[PATH]
    system.book.orders[PATH] = replace(order, sealed_key=order.sealed_key[:-1] + bytes([order.sealed_key[-1] ^ 1]))
    for _ in range(2):
        with pytest.raises(KeyLost):
            system.collect(progress)

    assert_nothing_stored(system)
    system.book.orders[PATH] = replace(system.book.orders[PATH], sealed_key=order.sealed_key)
    assert system.collect(progress).status == "stored"


def test_a_key_sealed_for_another_certificate_does_not_open(system: System) -> None:
    """Two swapped items of the table open neither key."""
    other = replace(IDP, name="www")
    system.add(IDP, other)
    progress, _ = system.enroll(), system.enroll(system.task(other))
    swapped = system.book.orders["univ", "www"].sealed_key
    system.book.orders[PATH] = replace(system.book.orders[PATH], sealed_key=swapped)

    with pytest.raises(KeyLost):
        system.collect(progress)


# ---- Killed in between ---------------------------------------------------------------------------------------------

MOMENTS = [
    ("scm", "collect", 1),
    ("book", "record_issued", 1),
    ("opener", "open", 1),
    ("acm", "put", 1),
    ("acm", "put", 2),
    ("book", "claim_import", 1),
    ("book", "claim_import", 2),
    ("book", "record_import", 1),
    ("book", "record_import", 2),
    ("objects", "put", 1),
    ("objects", "erase_replaced_keys", 1),
    ("announcer", "announce_renewal", 1),
    ("book", "finish", 1),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("port", "method", "at"), MOMENTS)
@pytest.mark.parametrize("is_renewal", [False, True], ids=["first", "renewal"])
def test_a_collect_that_is_killed_anywhere_is_finished_by_the_next(
    system: System, port: str, method: str, at: int, when: str, is_renewal: bool
) -> None:
    """No second order, no second ARN, no half pair: the next try begins where this one died."""
    if is_renewal:
        system.collect(ordered(system))
        system.book.ask(PATH, "again", NOW)
    progress = ordered(system)
    real: object = {
        "scm": system.scm,
        "book": system.book,
        "opener": system.seal,
        "acm": system.acm,
        "objects": system.objects,
        "announcer": system.announcer,
    }[port]
    when_killed: dict[str, Any] = {when: killed}
    wrapped = interrupted(real, method, at=at, **when_killed)
    happens = method != "claim_import" or not is_renewal
    try:
        system.collect(progress, **{port: wrapped})
    except Killed:
        assert happens
    else:
        assert not happens, f"{method} was never called"
    system.clock.advance(seconds=IMPORT_LEASE.total_seconds() + 1)

    assert system.collect(progress).status == "stored"
    assert_stored_everywhere(system)
    assert len(system.scm.orders) == 1 + is_renewal
    assert [row.status for row in system.book.rows] == ["stored"] * (1 + is_renewal)
    if is_renewal:
        old = system.book.rows[0].serial
        assert f"univ/idp/{old}/privkey.pem" not in system.objects.files


def test_a_retry_after_the_end_returns_stored_again(system: System) -> None:
    """The answer of the function was lost, not its work."""
    progress = ordered(system)
    first = system.collect(progress)
    calls = dict(system.scm.calls)

    assert system.collect(progress) == first
    assert system.scm.calls == calls
    assert len(system.announcer.announced) == 1


# ---- SCM's mark, orders that are over ------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ScmRefused, OrderUnknown, CredentialRefused, AddressRefused, ScmUnavailable])
def test_a_refused_mark_is_not_worth_failing_for(system: System, error: type[RenewalError]) -> None:
    """It only stops SCM's reminders; the certificate is in its stores."""
    system.renew()
    system.book.ask(PATH, "again", NOW)
    system.scm.answers["mark_renewed"] = error("no")

    system.renew()

    assert system.stored().ssl_id == 5002


def test_a_certificate_of_an_unknown_number_is_not_marked(system: System) -> None:
    """Adopted without its SSL ID."""
    system.book.adopt(PATH, stored_by(IDP, age=190, ssl_id=0), NOW)
    system.renew()

    assert not system.scm.calls["mark_renewed"]


def test_an_adopted_number_that_is_anothers_is_not_marked(system: System) -> None:
    """S1: it was typed, and SCM would send no reminder of the other certificate any more."""
    system.renew()
    ours = system.stored()
    system.book.adopt(PATH, replace(ours, token="", serial="0F"), NOW)
    system.book.ask(PATH, "again", NOW)
    system.renew()
    assert system.scm.marked == {}

    renewed = system.stored()
    system.book.adopt(PATH, replace(renewed, token=""), NOW)
    system.book.ask(PATH, "again", NOW)
    assert system.scm.marked == {renewed.ssl_id: system.renew().ssl_id}


def issued(system: System) -> Progress:
    """An order of a renewal whose verified chain is in the order book, and stored nowhere."""
    system.collect(ordered(system))
    system.book.ask(PATH, "again", NOW)
    progress = system.enroll()
    with pytest.raises(Killed):
        system.collect(progress, opener=interrupted(system.seal, "open", before=killed))
    return progress


def down(system: System) -> None:
    system.scm.answers |= dict.fromkeys(("collect", "details", "mark_renewed"), ScmUnavailable("503"))


def damaged(system: System) -> None:
    def unreadable() -> None:
        raise RecordUnreadable("damaged", delegation="univ")

    for method in ("delegation_and_certificate", "delegation"):
        system.book = interrupted(system.book, method, before=unreadable)


@pytest.mark.parametrize(
    "trouble",
    [
        down,
        damaged,
        lambda system: system.accounts.refused.add(("univ", "v1")),
        lambda system: system.accounts.versions.update(univ=""),
        lambda system: system.book.record_refusal("univ", "v1", "run"),
    ],
    ids=["SCM is down", "damaged delegation", "login refused", "no credential", "login refused earlier in the run"],
)
def test_what_is_issued_is_stored_without_scm(system: System, trouble: Callable[[System], None]) -> None:
    """Certificate and key are here: only the mark of the renewal would need SCM, and nothing depends on it."""
    progress = issued(system)
    trouble(system)

    assert system.collect(progress).status == "stored"
    assert_stored_everywhere(system)
    assert system.scm.marked == {}


def test_a_password_refused_at_the_mark_is_not_tried_again(system: System) -> None:
    """SCM counts refused logins: the run that shows it once has recorded it, and the hourly runs read that."""
    progress = issued(system)
    system.accounts.refused.add(("univ", "v1"))
    system.collect(progress)
    system.book.ask(PATH, "again", NOW)

    with pytest.raises(CredentialRefused):
        system.enroll()
    assert system.accounts.shown["univ", "v1"] == 1


def test_scm_is_not_asked_later_than_a_run_collects(system: System) -> None:
    """Without answers, hundreds of polls with their retries kept every other run from its work for half a day."""
    late = replace(ordered(system), started_at=system.clock() - LONGEST_COLLECTING - timedelta(seconds=1))
    asked = dict(system.scm.calls)

    assert system.collect(late) == replace(late, status="pending")
    assert dict(system.scm.calls) == asked

    in_time = replace(late, started_at=system.clock() - LONGEST_COLLECTING)
    assert system.collect(in_time).status == "stored"


def test_what_is_issued_is_stored_however_late(system: System) -> None:
    """Storing needs no answer of SCM."""
    late = replace(issued(system), started_at=system.clock() - 2 * LONGEST_COLLECTING)

    assert system.collect(late).status == "stored"


def test_what_was_not_ordered_is_not_collected(system: System) -> None:
    """An execution that began before an update polls everything that enroll returns, `deferred` too."""
    system.add(IDP)
    deferred = Progress("run", "univ", "idp", "", 0, "deferred")

    assert system.collect(deferred) == deferred


def test_an_order_without_a_number_cannot_be_collected(system: System) -> None:
    """The state machine would have to have skipped enroll."""
    with pytest.raises(Killed):
        system.enroll(scm=interrupted(system.scm, "enroll", after=killed))
    token = system.book.orders[PATH].token

    with pytest.raises(PlanUnreadable, match="has no SSL ID yet; enroll comes first"):
        system.collect(Progress("run", "univ", "idp", token, 0, "intent"))


REFUSALS = [
    OrderUnknown("-5101"),
    ScmRefused("-1113"),
    ScmRefused("-130"),
    PermissionMissing("-3"),
    ScmRefused("-9999"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_any_refusal_to_collect_is_confirmed_by_the_details(system: System, refusal: RenewalError) -> None:
    """No one knows which codes SCM uses for a declined order; its status decides, also within the ten minutes."""
    system.scm.polls = 1
    progress = system.enroll()
    assert system.collect(progress).status == "pending"
    system.scm.answers["collect"] = refusal
    system.scm.orders[5001].status = "DECLINED"

    with pytest.raises(OrderDeclined):
        system.collect(progress)
    assert not system.book.orders
    assert system.book.certificate(*PATH).hold_until == NOW + timedelta(days=1)


@pytest.mark.parametrize("details", [None, PermissionMissing("-3")], ids=["not ended", "hidden"])
def test_a_refused_order_that_has_not_ended_stays_open(system: System, details: RenewalError | None) -> None:
    """Its certificate may still be issued; the refusal is reported as SCM gave it."""
    progress = system.enroll()
    system.scm.answers["collect"] = ScmRefused("-1113")
    if details:
        system.scm.answers["details"] = details

    with pytest.raises(ScmRefused, match="-1113"):
        system.collect(progress)
    order = system.book.orders[PATH]
    assert (order.status, order.scm_status) == (OrderStatus.ORDERED, "" if details else "REQUESTED")


@pytest.mark.parametrize("refusal", [CredentialRefused("-16"), AddressRefused("403")], ids=str)
def test_a_refused_login_is_not_tried_again_for_the_details(system: System, refusal: RenewalError) -> None:
    """SCM locks accounts after some refused logins, and the details would be one more."""
    progress = system.enroll()
    system.scm.answers["collect"] = refusal

    with pytest.raises(type(refusal)):
        system.collect(progress)
    assert not system.scm.calls["details"]


def test_an_order_keeps_the_status_that_scm_shows(system: System) -> None:
    """An order that awaits approval waits for the RAO, and not for the CA."""
    system.scm.polls = 1
    progress = system.enroll()
    assert system.collect(progress).status == "pending"

    assert system.book.orders[PATH].scm_status == "REQUESTED"


def test_a_poll_fails_nothing_when_another_run_stores_meanwhile(system: System) -> None:
    """A daily and an hourly run poll the same order; what is noted of a pending order is out of date then."""
    system.scm.polls = 1
    progress = system.enroll()
    late = interrupted(system.scm, "details", after=lambda: system.collect(progress))

    assert system.collect(progress, scm=late).status == "pending"

    assert system.collect(progress).status == "stored"


def test_a_shorter_lifetime_is_noted_in_the_audit_row(system: System) -> None:
    """The certificate is good and stored; that it comes back sooner must not surprise anybody."""
    system.scm.days = 90
    system.renew()

    assert system.book.rows[-1].text == "its lifetime is 90 days; 199 were asked for"


def test_what_was_issued_is_checked_again_before_it_is_stored(system: System) -> None:
    """Between issue and a late store lie days: what has expired meanwhile must not replace what is stored."""
    progress = ordered(system)
    with pytest.raises(Killed):
        system.collect(progress, opener=interrupted(system.seal, "open", before=killed))
    system.clock.advance(days=400)

    with pytest.raises(CertificateUnusable, match="it expired on"):
        system.collect(progress)


def test_a_certificate_that_begins_tomorrow_is_stored_tomorrow(system: System) -> None:
    """Nothing is wrong with the order: no attention, no second request to SCM, no alarm."""
    system.scm.starts_ago = timedelta(days=-1)
    progress = ordered(system)
    for _ in range(2):
        assert system.collect(progress).status == "pending"
    assert_nothing_stored(system)
    order = system.book.orders[PATH]
    assert (order.status, order.storing_error) == (OrderStatus.ISSUED, "")

    system.clock.advance(days=1)
    system.scm.answers["collect"] = ScmUnavailable("down")
    system.collect(progress)

    assert_stored_everywhere(system)


def test_two_runs_side_by_side_make_one_arn(system: System) -> None:
    """ACM makes a second ARN silently; the second run waits until the first has recorded its ARN."""
    progress = ordered(system)

    def other_run() -> None:
        with pytest.raises(OrderConflict):
            system.collect(progress)

    system.collect(progress, acm=interrupted(system.acm, "put", before=other_run))

    assert_stored_everywhere(system)


def test_an_order_that_another_run_has_ended_is_no_failure(system: System) -> None:
    """Each run read the order while it was open: the one that comes too late has the result of the other one."""
    progress = ordered(system)

    late = system.collect(progress, opener=interrupted(system.seal, "open", before=lambda: system.collect(progress)))

    assert late.status == "stored"
    assert_stored_everywhere(system)


class Unlucky(FakeAcm):
    """Imports, and reports the first time that it is busy."""

    had_no_effect = False
    calls: list[str]

    def find(self, pair: CertificateWithKey, region: str) -> str | None:
        """Search, and keep the result."""
        self.calls.append("find")
        return FakeAcm.find(self, pair, region)

    def put(self, pair: CertificateWithKey, region: str, arn: str | None) -> str:
        """Import, and keep the serial; the first time after nothing was done, or before an answer that is lost."""
        is_first = "put" not in self.calls
        self.calls.append("put")
        if is_first and self.had_no_effect:
            raise StoreUnavailable("throttled", had_no_effect=True)
        made = FakeAcm.put(self, pair, region, arn)
        if is_first:
            raise StoreUnavailable("no answer")
        return made


def unlucky(system: System, *, had_no_effect: bool = False, lag: int = 0) -> Unlucky:
    acm = Unlucky(system.acm.held, system.acm.imports, lag)
    acm.had_no_effect, acm.calls = had_no_effect, []
    return acm


def test_a_throttled_import_is_tried_again_at_once(system: System) -> None:
    """ACM reported that it did nothing, so no run waits for a lease."""
    progress = ordered(system)
    acm = unlucky(system, had_no_effect=True)
    with pytest.raises(StoreUnavailable):
        system.collect(progress, acm=acm)

    system.collect(progress, acm=acm)

    assert acm.calls == ["put", "put", "find", "put"], "both regions; then a search before the first one again"
    assert_stored_everywhere(system)


@pytest.mark.parametrize("lag", range(4))
def test_an_import_without_an_answer_is_not_sent_again(system: System, lag: int) -> None:
    """ACM would make a second ARN, and may list the first one late: the state machine's retries are searches."""
    progress = ordered(system)
    acm = unlucky(system, lag=lag)
    with pytest.raises(StoreUnavailable):
        system.collect(progress, acm=acm)

    for wait in (45, 68, 101, 152)[:lag]:
        with pytest.raises(OrderConflict):
            system.collect(progress, acm=acm)
        system.clock.advance(seconds=wait)
    system.collect(progress, acm=acm)

    assert acm.calls == ["put", "put", *["find"] * (lag + 1)]
    assert_stored_everywhere(system)


def test_an_order_that_ended_is_not_taken_for_the_one_that_is_served(system: System) -> None:
    """A late retry of an order that failed, when another one has been stored since."""
    progress = system.enroll()
    system.scm.orders[5001].status = "DECLINED"
    with pytest.raises(OrderDeclined):
        system.collect(progress)
    system.book.ask(PATH, "the RAO agrees now", NOW)
    system.collect(system.enroll(system.task(run_id="later")))

    with pytest.raises(OrderDeclined, match="is declined"):
        system.collect(progress)


def test_an_unknown_order_is_reported(system: System) -> None:
    """A progress of another estate, or of before a restore: nothing may be called stored on its word."""
    system.renew()

    with pytest.raises(PlanUnreadable, match="order of-nobody is not open and did not lead to what is stored"):
        system.collect(Progress("run", "univ", "idp", "of-nobody", 5001, "ordered"))


# ---- The search is proven by orders that exist -----------------------------------------------------------------------


def proof_of(system: System) -> SearchProof:
    """The delegation's proof of the search."""
    proof = system.book.delegation("univ").search_proof
    assert proof is not None
    return proof


def test_an_order_is_searched_for_once(system: System) -> None:
    """After a lost answer the same search decides about a second order, so it is tried on an order that exists."""
    system.scm.polls = 2
    progress = system.enroll()
    system.clock.advance(seconds=20)
    for _ in range(2):
        assert system.collect(progress).status == "pending"
        system.clock.advance(hours=1)
    system.collect(progress)

    proof = proof_of(system)
    assert (proof.unproven(1698), proof.latency_seconds) == ("", 20)
    assert (proof.proven_at, proof.found_by) == (NOW + timedelta(seconds=20), "commonName=idp.univ.example")
    assert system.scm.calls["find"] == 1


def test_only_the_first_control_reads_a_comment(system: System) -> None:
    """That SCM shows comments is proven once; that it lists orders, and how late, with each of them."""
    system.renew()
    system.clock.advance(days=1)
    system.collect(system.enroll(system.asked_task()))

    assert [order.listed_id for order in system.scm.searched] == [None, 5002]


def test_an_order_issued_at_once_is_searched_for_after_it_is_stored(system: System) -> None:
    """A search that is killed, or takes long, must not delay the certificate."""
    progress = system.enroll()
    with pytest.raises(Killed):
        system.collect(progress, scm=interrupted(system.scm, "find", before=killed))

    assert system.stored().ssl_id == 5001
    assert system.collect(progress).status == "stored"


def test_an_order_not_listed_at_once_is_searched_for_again(system: System) -> None:
    """SCM lists late: found after 25 minutes, with a search every ten."""
    system.scm.polls, system.scm.hidden = 9, 2
    progress = system.enroll()
    for _ in range(6):
        assert system.collect(progress).status == "pending"
        assert proof_of(system).unproven(1698) == "no search has found an order of this department yet" or (
            system.clock() - NOW >= timedelta(minutes=20)
        )
        system.clock.advance(minutes=5)

    assert (proof_of(system).latency_seconds, system.scm.calls["find"]) == (1200, 3)


@pytest.mark.parametrize("error", [ScmUnavailable, PermissionMissing, ScmRefused])
def test_a_search_that_fails_fails_no_renewal(system: System, error: type[RenewalError]) -> None:
    """It serves a later order, not this one."""
    system.scm.answers["find"] = error("no")

    system.renew()

    assert system.book.delegation("univ").search_proof is None


def test_a_login_refused_at_the_search_is_remembered(system: System) -> None:
    """The certificate is stored; the next request of this run must not try the same password again."""
    progress = system.enroll()
    system.scm.answers["find"] = CredentialRefused("401")

    assert system.collect(progress).status == "stored"
    assert system.book.delegation("univ").refusal is not None


def test_the_inspection_searches_again_for_an_order_not_found(system: System) -> None:
    """The order was issued and stored at once, so no poll does."""
    system.scm.hidden = 1
    system.renew()
    assert proof_of(system).awaited is not None

    system.clock.advance(hours=2)
    system.inspect(system.plan_of("univ"))

    assert (proof_of(system).unproven(1698), proof_of(system).latency_seconds) == ("", 7200)
    assert proof_of(system).awaited is None


def test_a_search_that_fails_fails_no_inspection(system: System) -> None:
    """It serves a later order; the next inspection searches again. Only a refused login ends the inspection."""
    system.scm.hidden = 1
    system.renew()
    system.scm.answers["find"] = ScmUnavailable("503")

    system.inspect(system.plan_of("univ"))
    assert proof_of(system).awaited is not None

    system.scm.answers["find"] = CredentialRefused("401")
    with pytest.raises(CredentialRefused):
        system.inspect(system.plan_of("univ"))


def test_an_order_that_is_never_found_refutes_the_proof(system: System) -> None:
    """What searches find has changed; until the order is found, lost answers wait for the operator."""
    system.prove_search()
    system.scm.hidden = 3
    system.renew()
    system.clock.advance(hours=11)
    system.inspect(system.plan_of("univ"))
    assert proof_of(system).unproven(1698) == ""

    system.clock.advance(hours=2)
    system.inspect(system.plan_of("univ"))

    assert "5001 of idp was not found within 13 hours" in proof_of(system).unproven(1698)
    inspection = system.book.delegation("univ").inspection
    assert inspection is not None
    assert "SearchUnproven" in {finding.code for finding in inspection.findings}


def test_another_order_that_is_found_does_not_hide_the_missing_one(system: System) -> None:
    """One name may be listed and another not; after a month the old order counts no more."""
    proof = SearchProof()
    missing = SearchControl("idp", "t1", ("idp.univ.example",), 1698, 1, NOW, NOW, NOW + timedelta(days=1))
    for days, unproven in ((2, True), (40, False)):
        later = NOW + timedelta(days=days)
        other = SearchControl("sp", "t2", ("sp.univ.example",), 1698, 2, later, later, later)
        after = proof.after(missing, SearchResult()).after(other, SearchResult(2, "commonName"))
        assert bool(after.unproven(1698)) is unproven


def test_a_latency_measured_by_a_wrong_clock_is_forgotten(system: System) -> None:
    """Each later order halves it."""
    system.prove_search(seconds=72 * 3600)
    for expected in (129600, 64800):
        system.book.ask(PATH, "again", NOW)
        system.renew()
        assert proof_of(system).latency_seconds == expected
