"""The strict ACM against the product: what can be foreseen is foreseen before an order, the rest is handled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from campaign.cases import Case, play
from campaign.evidence import gather
from campaign.invariants import ALWAYS, AT_REST, orders_of, violations
from campaign.scenarios import DELEGATION, PARIS, SCENARIOS, VIRGINIA, credential, specification, world
from campaign.stage import Run, Stage
from campaign.strikes import Mode
from renewal.domain.keypair import KeyType
from scm_simulator import Dials
from tests.recordings import recorded

RE_IMPORT = SCENARIOS[5]

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


@pytest.fixture(autouse=True)
def no_quota_is_left_behind(stage: Stage) -> Iterator[None]:
    """The dials of ACM outlive a history."""
    kept = stage.aws.acm.imports_per_year
    yield
    stage.aws.acm.imports_per_year = kept


def begin(stage: Stage, *regions: str, **dials: Any) -> None:
    """A certificate for ACM, and nothing stored yet."""
    stores = regions or (PARIS,)
    dials = {"issuance_polls": 0, **dials}
    stage.begin(world(), [specification(stores)], {DELEGATION: credential()}, Dials(**dials))


def apply(stage: Stage, **changes: Any) -> None:
    """The operator changes the certificate's file."""
    whole = specification((PARIS,))
    spec = replace(whole.certificates[0], **changes)
    stage.apply(replace(whole, certificates=(spec,)))


def error_of(run: Run) -> str:
    """What the report says of the one certificate."""
    assert run.report is not None
    return run.report.certificates[0].error


def test_a_root_first_chain_reaches_acm_in_its_order(stage: Stage) -> None:
    """Leaf apart, its issuer first, no leaf in the chain: ACM refuses everything else."""
    begin(stage, PARIS, VIRGINIA, chain_order={"x509": "root-first"}, crlf=True)

    assert stage.run().status == "SUCCEEDED"
    assert violations(gather(stage), [*ALWAYS, *AT_REST]) == []


def test_a_re_import_carries_no_tags(stage: Stage) -> None:
    """`Tagging is not permitted on re-import.`"""
    begin(stage)
    stage.run()
    stage.editor.ask(DELEGATION, "idp", "drill", stage.time())

    assert stage.daily_run().status == "SUCCEEDED"
    assert len(gather(stage).acm) == 1


def test_another_key_type_for_a_named_arn_is_refused_before_an_order_is_spent(stage: Stage) -> None:
    """The operator insists on the ARN: ACM would never take the key, so SCM is not asked for a certificate."""
    begin(stage)
    stage.run()
    (held,) = gather(stage).acm
    apply(stage, key_type=KeyType.P_384, arns={"eu-west-3": held.arn})

    run = stage.daily_run()

    assert (run.status, error_of(run)) == ("FAILED", "AcmWouldRefuse")
    assert orders_of(gather(stage)) == 1


def test_another_key_type_without_a_named_arn_makes_a_new_one(stage: Stage) -> None:
    """The old ARN stays where it is in use; the report says what to associate."""
    begin(stage)
    stage.run()
    apply(stage, key_type=KeyType.P_384)

    run = stage.daily_run()

    assert run.status == "SUCCEEDED"
    assert len(gather(stage).acm) == 2
    assert violations(gather(stage), [*ALWAYS, *AT_REST]) == []


def test_an_arn_that_does_not_exist_is_refused_before_an_order_is_spent(stage: Stage) -> None:
    """A typing error in a delegation file must not cost a certificate."""
    begin(stage)
    apply(stage, arns={"eu-west-3": "arn:aws:acm:eu-west-3:123456789012:certificate/0000"})

    run = stage.run()

    assert (run.status, error_of(run)) == ("FAILED", "AcmCertificateMissing")
    assert orders_of(gather(stage)) == 0


def test_a_used_up_quota_is_told_and_the_certificate_is_kept(stage: Stage) -> None:
    """It is issued and paid for: when the quota is raised the same one is imported."""
    stage.aws.acm.imports_per_year = 0
    begin(stage)

    run = stage.run()
    stage.aws.acm.imports_per_year = None
    stage.daily_run()

    assert (run.status, error_of(run)) == ("FAILED", "AcmQuotaReached")
    assert orders_of(gather(stage)) == 1
    assert violations(gather(stage), [*ALWAYS, *AT_REST]) == []


def test_a_throttle_that_outlasts_the_run_is_told_and_the_certificate_is_kept(stage: Stage) -> None:
    """The run says that ACM is busy, and the next one imports what was ordered then."""
    stage.aws.acm.imports_per_second = 0
    begin(stage)

    run = stage.run()
    stage.aws.acm.imports_per_second = None
    stage.daily_run()

    assert (run.status, error_of(run)) == ("FAILED", "StoreUnavailable")
    assert orders_of(gather(stage)) == 1
    assert violations(gather(stage), [*ALWAYS, *AT_REST]) == []


@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.ERRORS], ids=lambda mode: mode.value)
def test_one_import_a_second_is_waited_for(stage: Stage, mode: Mode) -> None:
    """ACM throttles imports first of all; the state machine comes back."""
    place = next(one for one in recorded(stage, RE_IMPORT) if one.operation == "ImportCertificate")

    outcome = play(stage, Case(RE_IMPORT, place, mode))

    assert (outcome.struck_run, outcome.violations) == ("SUCCEEDED", ())
