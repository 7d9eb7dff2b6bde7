"""What each store serves is compared with the order book: another program or an administrator may write there, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from renewal.deadline import Deadline
from renewal.domain.certificate.serial import printed_serial
from renewal.domain.errors import MandateEnded, RenewalError, StoreRefused, StoreUnavailable
from renewal.domain.key_type import KeyType
from renewal.domain.order import StoredCertificate
from renewal.domain.setup.finding import Finding
from renewal.steps.stores.drift import LONGEST_SECONDS, NOT_COMPARED, StoreComparison
from tests.fakes import ample, interrupted
from tests.unit.system import DELEGATION, IDP, PATH, System

PARIS = "acm:eu-west-3"
SPEC = replace(IDP, stores=(PARIS, "s3"))
FOREIGN = "0F"


@pytest.fixture
def system() -> System:
    """A certificate that has been in both kinds of store for a day."""
    system = System()
    system.add(SPEC)
    system.renew(SPEC)
    system.clock.advance(days=1)
    return system


def compared(system: System, before: tuple[Finding, ...] = (), **instead: object) -> tuple[Finding, ...]:
    """The findings of one comparison."""
    ports = {"acm": system.acm, "objects": system.objects, "deadline": ample(system.clock), **instead}
    comparison = StoreComparison(system.book, clock=system.clock, **ports)  # type: ignore[arg-type]
    return comparison.findings(system.book.certificates("univ"), before)


def raised(error: RenewalError) -> Callable[[], None]:
    """Something that raises *error*."""

    def fail() -> None:
        raise error

    return fail


def replace_in_acm(system: System) -> str:
    """Someone imports another certificate under the ARN; return its serial."""
    (arn,) = system.acm.held
    other = System()
    other.clock.advance(days=30)
    other.add(SPEC)
    serial = other.renew(SPEC).serial
    (system.acm.held[arn],) = other.acm.held.values()
    return serial


def delete_in_acm(system: System) -> str:
    """Someone deletes the ARN."""
    system.acm.held.clear()
    return "no certificate"


def replace_in_s3(system: System) -> str:
    """Someone changes the pointer."""
    system.objects.current[PATH] = FOREIGN
    return FOREIGN


def delete_in_s3(system: System) -> str:
    """Someone deletes the pointer."""
    del system.objects.current[PATH]
    return "no certificate"


@pytest.mark.parametrize(
    ("store", "change"), [(PARIS, replace_in_acm), (PARIS, delete_in_acm), ("s3", replace_in_s3), ("s3", delete_in_s3)]
)
def test_a_store_that_someone_else_changed_is_found(
    system: System, store: str, change: Callable[[System], str]
) -> None:
    """S1: the service presented another certificate, and `status` called it fine for 135 days."""
    assert compared(system) == ()
    observed = change(system)

    (finding,) = compared(system)

    serial = printed_serial(system.stored().serial)
    assert (finding.code, finding.severity, finding.actor, finding.certificate) == (
        "StoreDrifted",
        "error",
        "operator",
        "idp",
    )
    assert finding.text.startswith(f"{store} has {observed}, and certmandate stored serial {serial} there")


def test_the_finding_is_stored_whatever_scm_answers(system: System) -> None:
    """A login that is refused for weeks must not hide it."""
    step = system.inspect_step(stores=_comparison(system))
    replace_in_s3(system)
    step(system.item())
    assert [finding.code for finding in system.inspection().findings if "Store" in finding.code] == ["StoreDrifted"]
    system.objects.current[PATH] = system.stored().serial
    system.accounts.refused.add(("univ", "v1"))

    with pytest.raises(RenewalError):
        step(system.item(run_id="second"))
    assert not [finding for finding in system.inspection().findings if "Store" in finding.code]


def test_a_second_change_of_a_store_is_alerted_like_the_first(system: System) -> None:
    """While the first one was open, the next certificate of an attacker was no news."""
    texts = []
    for observed in (FOREIGN, FOREIGN, "0E"):
        system.objects.current[PATH] = observed
        system.clock.advance(days=1)
        system.stores, before = _comparison(system), len(system.alerts.sent)
        system.daily_run()
        texts.append([alert.text for alert in system.alerts.sent[before:] if "StoreDrifted" in alert.text])

    (first,), again, (second,) = texts
    assert (f"s3 has {FOREIGN}," in first, again, "s3 has 0E," in second) == (True, [], True)


def test_stores_are_compared_after_the_end_of_the_mandate(system: System) -> None:
    """Its certificates are served until they expire; the comparison needs no login at SCM."""
    system.add(delegation=replace(DELEGATION, mandate_ends=system.clock().date() - timedelta(days=1)))
    replace_in_s3(system)

    with pytest.raises(MandateEnded):
        system.inspect_step(stores=_comparison(system))(system.item())

    assert {finding.code for finding in system.inspection().findings} == {"MandateEnded", "StoreDrifted"}


def _comparison(system: System) -> StoreComparison:
    return StoreComparison(system.book, system.acm, system.objects, system.clock, ample(system.clock))


def test_a_store_that_does_not_answer_is_waited_for_once(system: System) -> None:
    """Each wait takes up to 24 s of the inspection's time at SCM, and a second certificate waits as long."""
    system.add(*(replace(SPEC, name=name) for name in ("portal", "www")))
    for name in ("portal", "www"):
        system.renew(replace(SPEC, name=name))
    system.clock.advance(days=1)
    waits: list[None] = []

    def unanswered() -> None:
        waits.append(None)
        msg = "no answer"
        raise StoreUnavailable(msg)

    (finding,) = compared(system, acm=interrupted(system.acm, "stored_serial", before=unanswered))

    assert (len(waits), finding.code) == (1, NOT_COMPARED)
    assert "3 certificates" in finding.text


def test_a_region_that_hangs_hides_no_change_in_another_store(system: System) -> None:
    """Each wait takes more than all of the time that there is; every certificate may have that region."""
    system.add(replace(SPEC, name="portal"))
    system.renew(replace(SPEC, name="portal"))
    system.objects.current = dict.fromkeys(system.objects.current, FOREIGN)

    class Hanging:
        """Answers nothing, for as long as a call may take."""

        def stored_serial(self, region: str, arn: str) -> str:
            system.clock.advance(seconds=22)
            msg = f"no answer about {arn} in {region}"
            raise StoreUnavailable(msg)

    findings: tuple[Finding, ...] = ()
    for _ in SPEC.stores:
        system.clock.advance(days=1)
        findings = compared(system, findings, acm=Hanging())
        (left,) = (each.text for each in findings if each.code == NOT_COMPARED)
        assert left.startswith("what acm:eu-west-3")

    drifted = [(each.certificate, each.about) for each in findings if each.code == "StoreDrifted"]
    assert drifted == [("idp", f"s3 {FOREIGN}"), ("portal", f"s3 {FOREIGN}")]


def test_a_renewal_in_progress_is_no_drift(system: System) -> None:
    """One store has the certificate of the open order while the other one still waits for it."""
    system.book.ask(PATH, "again", system.clock())
    progress = system.enroll(system.task(SPEC))

    with pytest.raises(StoreUnavailable):
        system.collect(progress, acm=interrupted(system.acm, "put", before=raised(StoreUnavailable("busy"))))

    assert system.objects.current[PATH] != system.stored().serial
    assert compared(system) == ()


def test_what_another_run_stores_meanwhile_is_no_drift(system: System) -> None:
    """The order book was read before the stores; and ACM may describe the earlier certificate for some time."""
    read = system.book.certificates("univ")
    system.book.ask(PATH, "again", system.clock())
    system.renew(SPEC)

    assert _comparison(system).findings(read, ()) == ()
    system.clock.advance(minutes=59)
    replace_in_acm(system)
    assert compared(system) == ()
    system.clock.advance(minutes=1)
    assert compared(system)


@pytest.mark.parametrize(
    "change",
    [
        lambda system: system.add(replace(SPEC, stores=("s3",))),
        lambda system: system.book.adopt(PATH, replace(system.stored(), token=""), system.clock()),
    ],
    ids=["a store that the file does not have any more", "adopted from a file, in no store yet"],
)
def test_a_store_that_certmandate_does_not_write_to_is_not_compared(
    system: System, change: Callable[[System], None]
) -> None:
    """The operator deletes the ARN after the store was removed; S3 gets the next certificate."""
    change(system)
    (delete_in_acm if len(system.book.certificate(*PATH).spec.stores) == 1 else delete_in_s3)(system)

    assert compared(system) == ()


@pytest.mark.parametrize(
    ("error", "severity"), [(StoreUnavailable("throttled"), "info"), (StoreRefused("denied"), "warning")]
)
def test_what_cannot_be_compared_is_reported_and_keeps_its_finding(
    system: System, error: RenewalError, severity: str
) -> None:
    """The finding must not disappear on a day on which ACM is busy."""
    replace_in_acm(system)
    before = compared(system)

    silent = interrupted(system.acm, "stored_serial", before=raised(error))
    drifted, not_compared = compared(system, before, acm=silent)

    assert (drifted, not_compared.code, not_compared.severity) == (*before, "StoresNotCompared", severity)
    assert str(error) in not_compared.text


def test_every_certificate_is_compared_though_one_day_does_not_suffice(system: System) -> None:
    """A thousand reads take minutes, and SCM has to be asked in the same invocation."""
    specs = [replace(SPEC, name=f"host-{number}") for number in range(4)]
    for spec in specs:
        system.add(spec)
        system.renew(spec)
    system.clock.advance(days=1)
    asked: list[tuple[str, str]] = []

    class Slow:
        """Answers in half of the time that there is."""

        def stored_serial(self, delegation: str, certificate: str) -> str:
            asked.append((delegation, certificate))
            system.clock.advance(seconds=LONGEST_SECONDS / 2)
            return system.objects.stored_serial(delegation, certificate)

    for _ in range(len(specs) + 1):
        (finding,) = compared(system, objects=Slow())
        assert "of 5 certificates was not compared" in finding.text or "what s3 have of 3" in finding.text
        system.clock.advance(days=1)

    assert {name for _, name in asked} == {"idp", *(spec.name for spec in specs)}
    ended = Deadline(system.clock() - timedelta(seconds=1), system.clock)
    assert [finding.code for finding in compared(system, deadline=ended)] == ["StoresNotCompared"]


def test_a_restored_order_book_is_not_taken_for_a_change_by_someone_else(system: System) -> None:
    """O10: the operator would look for an intruder, and order again what the stores have."""
    restored = dict(system.book.managed)
    system.book.ask(PATH, "again", system.clock())
    serial = system.renew(SPEC).serial
    system.clock.advance(days=1)
    system.book.managed = restored

    texts = [finding.text for finding in compared(system)]

    assert len(texts) == len(SPEC.stores)
    assert all(serial in text and "(runbook: Restore)" in text for text in texts)


# ---- ARNs that are replaced ------------------------------------------------------------------------------------------

BALANCER = "arn:aws:elasticloadbalancing:eu-west-3:111122223333:loadbalancer/app/idp/1"
RSA = KeyType.RSA_2048


def replaced_arn(system: System, **changes: object) -> tuple[str, StoredCertificate]:
    """Renew after *changes* of the file, while a load balancer uses the ARN; return the ARN, and what it holds."""
    before = system.stored()
    (arn,) = before.arns.values()
    system.acm.used[arn] = (BALANCER,)
    changed = replace(SPEC, **(changes or {"key_type": RSA}))  # type: ignore[arg-type]
    system.add(changed)
    system.book.ask(PATH, "the file has changed", system.clock())
    system.renew(changed)
    system.clock.advance(days=1)
    return arn, before


def test_a_replaced_arn_that_is_in_use_is_found_until_it_is_not(system: System) -> None:
    """The load balancer kept the old certificate until it expired, while every run succeeded."""
    arn, before = replaced_arn(system)
    (new,) = system.stored().arns.values()

    (finding,) = compared(system)
    system.acm.used[new] = system.acm.used.pop(arn)

    assert (finding.code, finding.severity, finding.actor) == ("ArnReplaced", "warning", "operator")
    assert (finding.certificate, finding.about, finding.due) == ("idp", arn, before.not_after.date())
    assert finding.text.endswith(f"associate {new} in its place where it is in use: {BALANCER}")
    assert compared(system) == ()


def test_an_arn_that_the_open_order_has_replaced_is_found(system: System) -> None:
    """While another store refuses the order, no renewal reaches the old ARN, perhaps until its certificate expires."""
    (old,) = system.stored().arns.values()
    system.acm.used[old] = (BALANCER,)
    rsa = replace(SPEC, key_type=RSA)
    system.add(rsa)
    system.book.ask(PATH, "the file has changed", system.clock())
    system.enroll(system.asked_task(rsa))
    system.clock.advance(days=1)
    assert compared(system) == ()

    new = "arn:aws:acm:eu-west-3:111122223333:certificate/new"
    system.book.orders[PATH] = replace(system.book.orders[PATH], arns={"eu-west-3": new})

    assert [(each.code, each.about, new in each.text) for each in compared(system)] == [("ArnReplaced", old, True)]


def test_an_arn_into_which_a_certificate_is_imported_is_not_replaced(system: System) -> None:
    """The operator serves both key types, or has returned to the former ARN: nothing is to be associated."""
    arn, before = replaced_arn(system)
    other = replace(SPEC, name="idp-ec", stores=(PARIS,), arns={"eu-west-3": arn})
    assert [each.code for each in compared(system)] == ["ArnReplaced"]

    system.add(other)
    system.book.adopt(other.record_key, replace(before, stores=(PARIS,)), system.clock())

    assert compared(system) == ()


def test_an_arn_that_was_deleted_is_in_use_by_nothing(system: System) -> None:
    """ACM deletes none that is in use."""
    arn, _ = replaced_arn(system)
    del system.acm.held[arn]

    assert compared(system) == ()


@pytest.mark.parametrize("stores", [("s3",), ("acm:eu-west-1", "s3")])
def test_an_arn_of_a_removed_store_is_found_while_it_is_in_use(system: System, stores: tuple[str, ...]) -> None:
    """No renewal reaches that region any more; before the first one, nothing has changed there."""
    arn, _ = replaced_arn(system, stores=stores)

    (finding,) = (each for each in compared(system) if each.code == "ArnReplaced")

    assert (finding.about, "associate another certificate in its place" in finding.text) == (arn, True)


def test_in_a_removed_store_only_the_use_of_a_former_arn_is_read(system: System) -> None:
    """The operator may delete the other ARN there."""
    arn, _ = replaced_arn(system)
    system.add(replace(SPEC, key_type=RSA, stores=("s3",)))
    del system.acm.held[system.stored().arns["eu-west-3"]]

    assert [finding.about for finding in compared(system)] == [arn]


def test_a_replaced_arn_is_kept_until_its_certificate_has_expired(system: System) -> None:
    """Also over further renewals, and in a region that lacked the last certificate; then it is forgotten."""
    arn, before = replaced_arn(system)
    rsa = replace(SPEC, key_type=RSA)
    system.book.ask(PATH, "again", system.clock())
    again = system.renew(rsa)
    assert again.former_arns == {arn: before.not_after}

    system.clock.now = before.not_after
    assert system.renew(rsa).former_arns == {}


def test_a_finding_stays_on_a_day_on_which_acm_is_busy(system: System) -> None:
    """It must not disappear because no one could ask."""
    replaced_arn(system)
    before = compared(system)

    silent = interrupted(system.acm, "use", before=raised(StoreUnavailable("throttled")))
    kept, not_compared = compared(system, before, acm=silent)

    assert (kept, not_compared.code) == (*before, NOT_COMPARED)
