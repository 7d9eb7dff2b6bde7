"""Canary passwords, private keys and signing requests: found in their own place and nowhere else."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from campaign.cases import record
from campaign.evidence import gather
from campaign.scenarios import DELEGATION, LOGIN, SCENARIOS, account, credential, specification, world
from campaign.stage import Stage
from campaign.strikes import Mode, ModeStrike
from renewal.domain.delegation import S3
from scm_simulator import Dials

CANARY = "Canary-Passw0rd-4711"
BEGIN = "-----BEGIN "
KEY_MARKS = (f"{BEGIN}PRIVATE KEY", f"{BEGIN}EC PRIVATE KEY", f"{BEGIN}RSA PRIVATE KEY")
CSR_MARK = f"{BEGIN}CERTIFICATE REQUEST"
STORES = (S3, "acm:eu-west-3")

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One stage for all of this module."""
    with Stage() as one:
        yield one


@pytest.fixture
def debug_log() -> Iterator[io.StringIO]:
    """Everything that any logger of the process says, at its most talkative."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def begin(stage: Stage, **dials: Any) -> None:
    """An estate whose password is the canary."""
    stage.begin(
        world(account(password=CANARY)),
        [specification(STORES)],
        {DELEGATION: credential(CANARY)},
        Dials(**{"issuance_polls": 1, **dials}),
    )


def places(stage: Stage, debug: str) -> Mapping[str, str]:
    """Every place that a run writes to, as text; sealed keys and the orders' own signing requests left out."""
    evidence = gather(stage)
    own = {"sealed_key", "csr"}
    items = [{name: value for name, value in item.items() if name not in own} for item in evidence.items]
    for item in items:
        item.get("served", {}).pop("sealed_key", None)
    histories = [stage.history(run.run_id) for run in stage.played.runs]
    outside = {key: content for key, content in evidence.objects.items() if not key.endswith("/privkey.pem")}
    return {
        "table": repr(items),
        "histories": json.dumps(histories),
        "objects": repr(outside),
        "events": repr(evidence.events),
        "log": stage.played.log.getvalue(),
        "debug log": debug,
        "reports": repr([run.report for run in stage.played.runs]),
        "metrics": repr([run.metrics for run in stage.played.runs]),
        "orders at SCM": repr([order.comments for order in evidence.scm]),
    }


def assert_secret(stage: Stage, debug: str) -> None:
    """No canary, no private key, no signing request, plain or in base64."""
    canaries = {CANARY, base64.b64encode(CANARY.encode()).decode(), *KEY_MARKS, CSR_MARK}
    keys = [content.decode() for key, content in gather(stage).objects.items() if key.endswith("/privkey.pem")]
    canaries |= {line for key in keys for line in key.splitlines()[1:-1]}
    for place, text in places(stage, debug).items():
        for canary in canaries:
            assert canary not in text, f"{place} holds {canary[:12]}…"


def test_a_renewal_leaves_no_secret_anywhere(stage: Stage, debug_log: io.StringIO) -> None:
    """Step Functions keeps payloads for 90 days, and logs are read by many."""
    begin(stage)

    assert stage.run().status == "SUCCEEDED"
    stage.editor.ask(DELEGATION, "idp", "drill", stage.time())
    assert stage.daily_run().status == "SUCCEEDED"

    assert_secret(stage, debug_log.getvalue())


def test_an_open_order_leaves_no_secret_but_in_its_own_fields(stage: Stage, debug_log: io.StringIO) -> None:
    """An order that waits for days has its sealed key and its signing request in its own item, and there only."""
    begin(stage, issuance_seconds=1e6)

    stage.run()

    assert [item["status"] for item in gather(stage).of_kind("order")] == ["ordered"]
    assert_secret(stage, debug_log.getvalue())


def test_a_refused_login_does_not_quote_the_password(stage: Stage, debug_log: io.StringIO) -> None:
    """The error travels through history, report and log."""
    begin(stage)
    stage.played.simulator.set_password(LOGIN, "another")

    assert stage.run().status == "FAILED"
    assert_secret(stage, debug_log.getvalue())


@pytest.mark.parametrize("mode", [Mode.ANSWERS_LOST, Mode.DENIED])
@pytest.mark.parametrize(
    "place",
    [
        "scm:POST /api/ssl/v1/enroll",
        "kms:Encrypt",
        "dynamodb:TransactWriteItems",
        "acm:ImportCertificate",
        "s3:PutObject",
    ],
)
def test_no_error_quotes_what_was_sent(stage: Stage, debug_log: io.StringIO, place: str, mode: Mode) -> None:
    """Requests carry keys, signing requests and passwords; the libraries' errors like to quote requests."""
    scenario = SCENARIOS[0] if not place.startswith("acm") else SCENARIOS[3]
    found = [one for one in record(stage, scenario) if str(one).startswith(f"{place} #")]
    scenario.prepare(stage)
    run_id = stage.next_run_id()
    stage.wire.strike = ModeStrike(mode, found[-1], run_id, lambda: None, stage.time)
    stage.run(run_id)
    stage.wire.strike = None

    assert_secret(stage, debug_log.getvalue())


def test_the_canary_would_be_found(stage: Stage) -> None:
    """A search that finds nothing anywhere proves nothing."""
    begin(stage)
    stage.run()
    stage.played.log.write(CANARY)

    with pytest.raises(AssertionError, match="log holds"):
        assert_secret(stage, "")
