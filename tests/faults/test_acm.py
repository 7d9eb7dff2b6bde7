"""ACM's rules against the product: foreseeable refusals cost no order, the others are handled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from campaign.cases import Case, play
from campaign.evidence import gather
from campaign.fault_injection import Mode
from campaign.harness import Harness
from campaign.order_book_invariants import ALWAYS, AT_REST, orders_of, violations
from campaign.scenarios import (
    DAYS_UNTIL_DUE,
    DELEGATION,
    LOGIN,
    NAME,
    PARIS,
    SCENARIOS,
    VIRGINIA,
    credential,
    specification,
    world,
)
from renewal.domain.delegation import S3
from renewal.domain.key_type import KeyType
from scm_simulator import Dials
from tests.recordings import recorded

RE_IMPORT = SCENARIOS[5]


@pytest.fixture(autouse=True)
def restored_quota(harness: Harness) -> Iterator[None]:
    """ACM's dials are not reset between histories."""
    kept = harness.aws.acm.imports_per_year
    yield
    harness.aws.acm.imports_per_year = kept


def begin(harness: Harness, *regions: str, **dials: Any) -> None:
    """A certificate for ACM, not stored yet."""
    stores = regions or (PARIS,)
    dials = {"issuance_polls": 0, **dials}
    harness.begin(world(), [specification(stores)], {DELEGATION: credential()}, Dials(**dials))


def apply(harness: Harness, **changes: Any) -> None:
    """The operator changes the delegation file."""
    whole = specification((PARIS,))
    spec = replace(whole.certificates[0], **changes)
    harness.apply(replace(whole, certificates=(spec,)))


def test_a_root_first_chain_reaches_acm_in_order(harness: Harness) -> None:
    """ACM refuses a chain that contains the leaf or does not start with its issuer."""
    begin(harness, PARIS, VIRGINIA, chain_order={"x509": "root-first"}, crlf=True)

    assert harness.run().status == "SUCCEEDED"
    assert violations(gather(harness), [*ALWAYS, *AT_REST]) == []


def test_another_key_type_without_a_named_arn_makes_a_new_arn(harness: Harness) -> None:
    """The old ARN remains where it is in use; the report lists what to associate."""
    begin(harness)
    harness.run()
    apply(harness, key_type=KeyType.P_384)

    run = harness.daily_run()

    assert run.status == "SUCCEEDED"
    assert len(gather(harness).acm) == 2
    assert violations(gather(harness), [*ALWAYS, *AT_REST]) == []


def test_an_arn_of_another_owner_costs_no_order(harness: Harness) -> None:
    """S1: the other delegation's service presented this certificate for 135 days."""
    begin(harness)
    harness.run()
    (held,) = gather(harness).acm
    tag = {"Key": "certmandate:delegation", "Value": "another"}
    harness.aws.client("acm", held.region).add_tags_to_certificate(CertificateArn=held.arn, Tags=[tag])
    harness.time.pass_seconds(DAYS_UNTIL_DUE * 86_400)

    run = harness.run()

    assert (run.status, run.certificate_errors) == ("FAILED", ["StoreNotOurs"])
    evidence = gather(harness)
    assert (orders_of(evidence), evidence.acm[0].certificate) == (1, held.certificate)


def test_a_deleted_arn_is_found_the_next_day(harness: Harness) -> None:
    """S1: although nothing is due."""
    begin(harness, PARIS, S3)
    harness.run()
    (held,) = gather(harness).acm
    assert harness.daily_run().metrics["ProblemsOpen"] == 0
    harness.aws.client("acm", held.region).delete_certificate(CertificateArn=held.arn)

    run = harness.daily_run()

    assert (run.status, run.metrics["ProblemsOpen"]) == ("FAILED", 1)
    (delegation,) = (item for item in gather(harness).items if item["item"] == "delegation")
    found = [finding for finding in delegation["inspection"]["findings"] if finding["severity"] == "error"]
    assert [(finding["code"], finding["certificate"]) for finding in found] == [("StoreDrifted", NAME)]


def test_a_used_up_quota_is_reported_and_keeps_the_certificate(harness: Harness) -> None:
    """The same certificate is imported when the quota is raised."""
    harness.aws.acm.imports_per_year = 0
    begin(harness)

    run = harness.run()
    harness.aws.acm.imports_per_year = None
    harness.daily_run()

    assert (run.status, run.certificate_errors) == ("FAILED", ["AcmQuotaReached"])
    assert orders_of(gather(harness)) == 1
    assert violations(gather(harness), [*ALWAYS, *AT_REST]) == []


def test_an_issued_certificate_is_stored_while_the_login_is_refused(harness: Harness) -> None:
    """It lies in the order book with its key: the state machine stores it although the inspection fails."""
    harness.aws.acm.imports_per_year = 0
    begin(harness)
    harness.run()
    harness.aws.acm.imports_per_year = None
    harness.played.simulator.set_password(LOGIN, "changed in the portal")

    run = harness.run(open_orders_only=True)

    assert run.report is not None
    assert [row.outcome for row in run.report.certificates] == ["renewed"]
    assert [row.error for row in run.report.delegations] == ["CredentialRefused"]
    assert violations(gather(harness), [*ALWAYS, *AT_REST]) == []


def test_one_region_that_refuses_leaves_the_other_stores_renewed(harness: Harness) -> None:
    """Every store is tried, and the report names the one that fails."""
    begin(harness, PARIS, VIRGINIA, S3)
    harness.aws.acm.throttled_regions = ("us-east-1",)

    run = harness.run()
    harness.aws.acm.throttled_regions = ()
    evidence = gather(harness)

    assert (run.status, run.certificate_errors) == ("FAILED", ["StoreUnavailable"])
    assert run.report is not None
    assert run.report.certificates[0].text.startswith("stored in acm:eu-west-3, s3; acm:us-east-1: StoreUnavailable")
    assert ([imported.region for imported in evidence.acm], len(list(evidence.pointers()))) == (["eu-west-3"], 1)
    harness.daily_run()
    assert orders_of(gather(harness)) == 1
    assert violations(gather(harness), [*ALWAYS, *AT_REST]) == []


def test_a_throttled_import_is_retried(harness: Harness) -> None:
    """ACM takes one import a second; the state machine retries."""
    place = next(found for found in recorded(harness, RE_IMPORT) if found.operation == "ImportCertificate")

    outcome = play(harness, Case(RE_IMPORT, place, Mode.ERRORS))

    assert (outcome.faulty_run, outcome.violations) == ("SUCCEEDED", ())
