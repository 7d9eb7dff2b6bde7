"""The judgement of a certificate matches what the next run does, and every view has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from certmandate.views.problems import next_step
from renewal.domain.due import Cause
from renewal.domain.errors import Failure, RecordUnreadable
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.certificate import Judgement, judge
from renewal.domain.judgement.certificate_state import CertificateState
from renewal.domain.judgement.consequence import Consequence
from renewal.domain.judgement.delegation import problems_of
from renewal.domain.judgement.problem import affects, problem_of
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair
from renewal.domain.order import ManagedCertificate, OrderStatus
from renewal.domain.replacement_rule import ReplacementRule
from renewal.domain.run.outcome import notes_of
from renewal.domain.setup.domain_checks import domain_results
from renewal.domain.setup.finding import Finding
from renewal.domain.setup.inspection import DelegationRecord, Inspection, record_missing
from renewal.domain.setup.snapshot import DelegatedName, Domains
from tests.throwaway_ca import hierarchy, pem
from tests.unit.orders import an_order
from tests.unit.system import DELEGATION, IDP, NOW, managed


def inspection(*, dcv_days: int) -> Inspection:
    """The last inspection: the validation of the name expires in *dcv_days*."""
    entry = DelegatedName(
        "idp.univ.example", True, frozenset({"SSL"}), "VALIDATED", NOW.date() + timedelta(days=dcv_days)
    )
    return Inspection("run", NOW, delegated=(entry,))


def judged(
    certificate: ManagedCertificate,
    inspected: Inspection | None = None,
    *,
    now: datetime = NOW,
    ends: date | None = None,
    failed: str = "",
) -> Judgement:
    """Return the judgement of *certificate* with the last inspection, the end of the mandate and a run's error."""
    record = DelegationRecord(replace(DELEGATION, mandate_ends=ends), inspected)
    return judge(certificate, record, now, ActingTimes(), failure=Failure(failed, "503") if failed else None)


@pytest.mark.parametrize(
    ("age", "dcv_days", "state", "step"),
    [
        (
            110,
            20,
            CertificateState.FINE,
            f"due from {NOW + timedelta(days=13):%Y-%m-%d} 00:00Z, before a domain validation expires",
        ),
        (110, 5, CertificateState.DUE, "the next daily run renews it (dcv-lapsing)"),
        (20, 190, CertificateState.FINE, "due from {renew_at:%Y-%m-%d %H:%M}Z"),
    ],
)
def test_a_state_has_the_day_and_the_cause_of_the_next_order(
    age: float, dcv_days: int, state: CertificateState, step: str
) -> None:
    """A validation that expires before the renewal brings it forward, as in `check` and in the next run."""
    found = judged(managed(age=age), inspection(dcv_days=dcv_days), ends=NOW.date() + timedelta(days=198))

    assert (found.state, next_step(found)) == (state, step.format(renew_at=found.renew_at))


@pytest.mark.parametrize(
    ("age", "ends", "state"),
    [
        (20, NOW.date() + timedelta(days=30), CertificateState.FINE),
        (150, NOW.date() - timedelta(days=1), CertificateState.MANDATE_ENDED),
        (190, NOW.date() - timedelta(days=1), CertificateState.NEAR_EXPIRY),
        (None, NOW.date() - timedelta(days=1), CertificateState.MANDATE_ENDED),
    ],
)
def test_no_renewal_is_announced_after_the_end_of_the_mandate(
    age: float | None, ends: date, state: CertificateState
) -> None:
    """Nothing is ordered after it, even if it is due."""
    found = judged(managed(age=age), ends=ends)

    assert found.state is state
    assert next_step(found) == f"nothing: its next order would be after the mandate's last day, {ends}"


@pytest.mark.parametrize(
    ("status", "waits"),
    [
        ("REQUESTED", "SCM's status is Requested: the RAO has to approve the order in SCM"),
        ("APPLIED", "SCM's status is Applied: it waits for the CA"),
    ],
)
def test_an_open_order_names_who_keeps_it_waiting(status: str, waits: str) -> None:
    """An order that awaits approval was reported as pending at the CA, so no one asked the RAO."""
    order = an_order(status=OrderStatus.ORDERED, ssl_id=5001, scm_status=status)

    assert next_step(judged(managed(age=150, order=order))).endswith(f"collected, not ordered again; {waits}")
    assert notes_of(managed(age=150, order=order), None, NOW) == (waits,)


@pytest.mark.parametrize(("ssl_id", "text"), [(5001, "SCM has not issued it yet"), (None, "has not confirmed it yet")])
def test_an_order_whose_answer_was_lost_is_not_called_unissued(ssl_id: int | None, text: str) -> None:
    """The operator would wait for the CA, and SCM may have no such order."""
    (problem,) = judged(managed(age=150, order=an_order(ssl_id=ssl_id))).problems

    assert problem.text.endswith(text)


def test_an_order_that_scm_has_not_confirmed_is_not_called_collected() -> None:
    """It is searched for first: SCM may have no such order."""
    assert "SCM is searched for it before it is sent again" in next_step(judged(managed(age=150, order=an_order())))


def test_an_issued_order_states_when_its_certificate_begins() -> None:
    """It is neither pending nor stored."""
    begins = NOW + timedelta(days=1)
    ca = hierarchy()
    leaf = ca.ec.issue(
        KeyPair.generate(KeyType.P_256).private_key.public_key(), ["a.example"], not_before=begins, days=9
    )
    order = an_order(status=OrderStatus.ISSUED, ssl_id=5001, chain=pem(leaf, ca.ec.certificate))

    assert judged(managed(order=order)).waits_for == "issued, and stored when it is valid: 2026-11-24 08:00Z"
    assert not judged(managed(order=order), now=begins).waits_for


def test_an_order_with_a_mismatched_certificate_needs_attention() -> None:
    """It was reported as being collected for weeks."""
    found = judged(managed(age=150, order=an_order(storing_error="CertificateMismatch")))

    assert next_step(found) == ("open order (CertificateMismatch): every run tries it again; nothing else is ordered")
    assert found.needs_attention


def test_an_order_that_failed_without_a_hold_is_judged() -> None:
    """Some errors end an order without a hold, so that the next run orders again."""
    found = judged(managed(age=150, failures=1, last_error="DcvLapsed", last_error_text="-9"))

    assert (found.state, found.severity, found.problem and found.problem.actor) == (
        CertificateState.FAILING,
        "error",
        "rao",
    )
    assert next_step(found) == "the next daily run tries again (age); the last attempt failed: DcvLapsed"


@pytest.mark.parametrize(
    ("name", "consequence"),
    [("idp.univ.example", Consequence.EXPIRES), ("new.apps.univ.example", Consequence.NO_CERTIFICATE)],
)
@pytest.mark.parametrize("listed", ["{name}", "other.univ.example, {name} and 3 more"])
def test_a_finding_about_a_domain_affects_its_certificates_only(
    listed: str, name: str, consequence: Consequence
) -> None:
    """An expired certificate was printed as missing, because another certificate of the delegation was new."""
    text = f"step 4: {listed.format(name=name)}: its validation has expired"
    finding = Finding("DcvLapsed", "error", "rao", text, about=name)
    new = ManagedCertificate(replace(IDP, name="new", names=("new.apps.univ.example",)))

    found = problem_of(finding, "univ", (managed(age=200), new), NOW.date(), ActingTimes())

    assert found.consequence is consequence


@pytest.mark.parametrize(
    ("missing", "delegated", "code"),
    [
        ("*.univ.example", "univ.example", "StarNotDelegated"),
        ("univ.example", "*.univ.example", "BaseNotDelegated"),
        ("idp.univ.example", "univ.example", "ParentOnly"),
    ],
)
def test_a_name_that_a_finding_only_explains_with_is_not_affected(missing: str, delegated: str, code: str) -> None:
    """The entry that *is* delegated is in the sentence: its certificate was called blocked, and the RAO was asked."""
    entry = DelegatedName(delegated, True, frozenset({"SSL"}), "VALIDATED", NOW.date() + timedelta(days=100))
    agreed = replace(DELEGATION, delegated_names=(missing, delegated))
    results = domain_results(agreed, (missing, delegated), Domains(delegated=(entry,)), NOW)
    findings = tuple(finding for result in results for finding in result.findings())
    record = DelegationRecord(agreed, inspection=Inspection("run", NOW, findings=findings, delegated=(entry,)))

    def obstacle(name: str) -> str:
        certificate = managed(age=170)
        certificate = replace(certificate, spec=replace(certificate.spec, names=(name,)))
        found = judge(certificate, record, NOW, ActingTimes()).obstacle
        assert bool(found) is any(affects(finding, certificate.spec) for finding in findings)
        return found.code if found else ""

    assert [finding.code for finding in findings] == [code]
    assert (obstacle(missing), obstacle(delegated)) == (code, "")


LOGGED_IN = Inspection("check", NOW - timedelta(hours=1))
REFUSED = replace(LOGGED_IN, findings=(Finding("CredentialRefused", "error", "operator", "401"),))


@pytest.mark.parametrize(
    ("error", "hours", "inspected", "state", "code"),
    [
        ("CredentialRefused", 2, LOGGED_IN, CertificateState.DUE, ""),
        ("CredentialRefused", 2, REFUSED, CertificateState.BLOCKED, "CredentialRefused"),
        ("CredentialRefused", 0, LOGGED_IN, CertificateState.FAILING, "CredentialRefused"),
        ("CredentialRefused", 2, None, CertificateState.FAILING, "CredentialRefused"),
        ("CredentialRefused", 2, replace(LOGGED_IN, run_id=""), CertificateState.FAILING, "CredentialRefused"),
        ("PermissionMissing", 2, LOGGED_IN, CertificateState.FAILING, "PermissionMissing"),
    ],
    ids=["logged in since", "refused again", "refused since", "not inspected", "SCM never answered", "another error"],
)
def test_a_refused_login_is_past_when_a_later_one_succeeded(
    error: str, hours: int, inspected: Inspection | None, state: CertificateState, code: str
) -> None:
    """`check` passed with a new credential, and printed that renewals had stopped, until an order succeeded."""
    failed = managed(age=140, failures=1, last_error=error, failed_at=NOW - timedelta(hours=hours))
    found = judged(failed, inspected)

    assert (found.state, found.problem.code if found.problem else "") == (state, code)


def test_an_order_that_failed_has_its_time() -> None:
    """What is shown is as old as the last order: the RAO may have acted since."""
    found = judged(managed(age=140, failures=1, last_error="DcvLapsed", last_error_text="-9", failed_at=NOW))

    assert found.problem
    assert found.problem.text == "-9 (failed 2026-11-23 08:00Z)"


def test_a_first_certificate_that_is_not_valid_until_later_needs_no_one() -> None:
    """It is issued: the next run after its beginning stores it, however long that takes."""
    order = replace(an_order(ssl_id=5001), status=OrderStatus.ISSUED, opened_at=NOW - timedelta(days=3))
    waiting = replace(order, status=OrderStatus.ORDERED)

    assert [judged(managed(order=each)).severity for each in (order, waiting)] == ["info", "error"]


@pytest.mark.parametrize("error", ["ScmUnavailable", "StoreUnavailable"])
@pytest.mark.parametrize(("left", "severity"), [(33, "warning"), (21, "warning"), (19, "error"), (-1, "error")])
def test_an_outage_needs_attention_when_little_life_is_left(error: str, left: int, severity: str) -> None:
    """N10: a maintenance page of SCM failed the run although 33 days were left; it ends without the operator."""
    found = judged(managed(age=199 - left), failed=error)

    assert (found.state.label, found.severity) == (
        CertificateState.EXPIRED.label if left < 0 else found.state.label,
        severity,
    )
    assert found.problem
    assert (found.problem.code, found.problem.act_by is None) == (error, False)


@pytest.mark.parametrize("error", ["CredentialRefused", "AnswerLost", "OrderConflict", "States.Timeout"])
def test_what_waiting_does_not_end_needs_attention_at_once(error: str) -> None:
    """A refusal lasts until the operator or the RAO acts, and a lost answer may be an order."""
    assert judged(managed(age=150), failed=error).severity == "error"


@pytest.mark.parametrize(
    "waiting",
    [
        managed(),
        managed(age=20, asked_reason="the key leaked"),
        managed(age=150, asked_reason="the key leaked", order=an_order(causes=(Cause.AGE,))),
        managed(age=20, order=an_order(causes=(Cause.REVOKED,))),
        replace(managed(age=20), spec=replace(managed().spec, names=("new.univ.example",))),
    ],
    ids=["first", "requested", "requested later", "revoked", "changed"],
)
def test_an_outage_that_delays_more_than_a_renewal_needs_attention_at_once(waiting: ManagedCertificate) -> None:
    """A service without its certificate, or an operator, waits for the order: the end of a lifetime is not its date."""
    assert judged(waiting, failed="ScmUnavailable").severity == "error"


def test_an_error_of_a_delegation_itself_has_the_command_that_its_text_has() -> None:
    """A lost delegation had two contrary remedies: to apply its file again, and that no command repairs the item."""
    lost, damaged = record_missing("univ"), RecordUnreadable("damaged", delegation="univ", certificate="idp")

    found = {each.path: each for each in problems_of("univ", None, (), NOW, ActingTimes(), unreadable=(lost, damaged))}

    assert "apply its file again" in found["univ"].text
    assert found["univ"].remedy == "certmandate apply delegations/"
    assert found["univ/idp"].remedy == "no command repairs the item: docs/runbook.md, RecordUnreadable"


def test_an_order_of_a_replacement_is_for_the_rao_by_the_day_on_which_the_ca_revokes() -> None:
    """The certificate would be valid for months: everything had the day of its expiry, and the RAO time until then."""
    order = an_order(
        status=OrderStatus.ORDERED, ssl_id=5001, scm_status="REQUESTED", causes=("replacement",), opened_at=NOW
    )
    certificate, record = managed(age=20, order=order), DelegationRecord(DELEGATION)
    deadline = NOW + timedelta(days=2)

    found = judge(
        certificate,
        record,
        NOW + timedelta(hours=1),
        ActingTimes(),
        replacements=[ReplacementRule(NOW, "", "incident", deadline)],
    )

    problem = found.problem
    assert problem is not None
    assert (problem.severity, problem.actor, problem.due) == ("error", "rao", deadline.date())
    assert problem.otherwise(NOW.date()) == f"otherwise the CA revokes the certificate on {deadline.date()}"
