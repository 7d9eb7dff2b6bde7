"""Canary passwords, private keys and signing requests: found in their own place and nowhere else."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from campaign.evidence import gather
from campaign.scenarios import DELEGATION, LOGIN, SCENARIOS, account, credential, specification, world
from campaign.stage import Stage
from campaign.strikes import Mode, ModeStrike
from renewal.domain.delegation import S3
from scm_simulator import Dials
from tests.recordings import recorded

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


def canaries(stage: Stage) -> Mapping[str, str]:
    """Every text that may be nowhere, and what it is: plain, in base64, or a line of what is written in base64."""
    evidence = gather(stage)
    keys = [content.decode() for key, content in evidence.objects.items() if key.endswith("/privkey.pem")]
    requests = [item["csr"] for item in evidence.of_kind("order") if "csr" in item]
    return {
        **dict.fromkeys((CANARY, base64.b64encode(CANARY.encode()).decode()), "password"),
        **dict.fromkeys(KEY_MARKS, "head of a private key"),
        CSR_MARK: "head of a signing request",
        **{line: "private key" for key in keys for line in body(key)},
        **{line: "signing request" for request in requests for line in body(request)},
    }


def body(pem: str) -> list[str]:
    """The lines between head and foot that are long enough to mean anything."""
    return [line for line in pem.splitlines()[1:-1] if len(line) >= 16]


def leaks(stage: Stage, debug: str) -> set[str]:
    """Say which place holds what."""
    wanted = canaries(stage)
    return {
        f"{place}: {what}"
        for place, text in places(stage, debug).items()
        for one, what in wanted.items()
        if one in text
    }


def assert_secret(stage: Stage, debug: str) -> None:
    """No canary, no private key, no signing request, plain or in base64."""
    assert leaks(stage, debug) == set()


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
    found = [one for one in recorded(stage, scenario) if str(one).startswith(f"{place} #")]
    scenario.prepare(stage)
    run_id = stage.next_run_id()
    stage.wire.strike = ModeStrike(mode, found[-1], run_id, lambda: None, stage.time)
    stage.run(run_id)
    stage.wire.strike = None

    assert_secret(stage, debug_log.getvalue())


def into_table(stage: Stage, text: str) -> None:
    """As an attribute that nobody asked for."""
    item = {"delegation": {"S": DELEGATION}, "item": {"S": "finished#stray"}, "text": {"S": text}}
    stage.aws.client("dynamodb").put_item(TableName=stage.aws.outputs["OrdersTable"], Item=item)


def into_objects(stage: Stage, text: str) -> None:
    """As a file beside a certificate."""
    stage.aws.client("s3").put_object(Bucket=stage.aws.outputs["StoreBucket"], Key="runs/stray", Body=text.encode())


def into_runs(stage: Stage, **change: Any) -> None:
    """As part of what a run left."""
    stage.played.runs.append(replace(stage.played.runs[-1], **change))


PLANT: Mapping[str, Callable[[Stage, str], object]] = {
    "table": into_table,
    "objects": into_objects,
    "events": lambda stage, text: stage.played.events.append({"token": text}),
    "log": lambda stage, text: stage.played.log.write(text),
    "reports": lambda stage, text: into_runs(stage, report={"text": text}),
    "metrics": lambda stage, text: into_runs(stage, metrics={text: 1.0}),
    "orders at SCM": lambda stage, text: setattr(last_order(stage), "comments", text),
    "debug log": lambda _stage, text: logging.getLogger("stray").debug("%s", text),
    "histories": lambda stage, text: stage.run(reason=text),  # the last: a reason is repeated in other places
}


def last_order(stage: Stage) -> Any:
    """The simulator's own newest order, no copy."""
    return list(stage.played.simulator._state.orders.values())[-1]


def test_the_canary_would_be_found(stage: Stage, debug_log: io.StringIO) -> None:
    """A search that finds nothing anywhere proves nothing: each place, and each kind of secret without its head."""
    begin(stage)
    stage.run()
    stage.editor.ask(DELEGATION, "idp", "drill", stage.time())
    stage.played.simulator.dials.issuance_seconds = 1e6
    stage.daily_run()
    assert_secret(stage, debug_log.getvalue())
    planted = {what: one for one, what in canaries(stage).items()}
    assert set(planted) >= {"password", "private key", "signing request"}

    found: set[str] = set()
    for place, plant in PLANT.items():
        assert not any(leak.startswith(f"{place}: ") for leak in found)
        plant(stage, " ".join(planted.values()))
        found = leaks(stage, debug_log.getvalue())
        assert found >= {f"{place}: {what}" for what in planted}, place


def test_every_place_is_planted_in(stage: Stage) -> None:
    """A place that is added to the search is proved, too."""
    begin(stage)

    assert set(PLANT) == set(places(stage, ""))
