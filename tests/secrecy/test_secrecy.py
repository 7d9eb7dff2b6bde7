"""Canary passwords, private keys and signing requests are in their own place and nowhere else."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from campaign.evidence import gather, objects
from campaign.fault_injection import FaultInjection, Mode
from campaign.harness import Harness
from campaign.scenarios import DELEGATION, LOGIN, SCENARIOS, account, credential, specification, world
from renewal.domain.delegation import S3
from scm_simulator import Dials
from tests.recordings import recorded

CANARY = "Canary-Passw0rd-4711"
BEGIN = "-----BEGIN "
KEY_MARKS = (f"{BEGIN}PRIVATE KEY", f"{BEGIN}EC PRIVATE KEY", f"{BEGIN}RSA PRIVATE KEY")
CSR_MARK = f"{BEGIN}CERTIFICATE REQUEST"
STORES = (S3, "acm:eu-west-3")


@pytest.fixture
def debug_log() -> Iterator[io.StringIO]:
    """The output of every logger of the process, at level DEBUG."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def begin(harness: Harness, **dials: Any) -> None:
    """An estate whose password is the canary."""
    harness.begin(
        world(account(password=CANARY)),
        [specification(STORES)],
        {DELEGATION: credential(CANARY)},
        Dials(**{"issuance_polls": 1, **dials}),
    )


def places(harness: Harness, debug: str) -> Mapping[str, str]:
    """Every place that a run writes to, as text; sealed keys and the orders' own signing requests left out."""
    evidence = gather(harness)
    own = {"sealed_key", "csr"}
    items = [{name: value for name, value in item.items() if name not in own} for item in evidence.items]
    histories = [harness.history(run.run_id) for run in harness.played.runs]
    outside = {key: content for key, content in objects(harness) if not key.endswith("/privkey.pem")}
    return {
        "table": repr(items),
        "histories": json.dumps(histories),
        "objects": repr(outside),
        "events": repr(evidence.events),
        "log": harness.played.log.getvalue(),
        "debug log": debug,
        "reports": repr([run.document for run in harness.played.runs]),
        "metrics": repr([run.metrics for run in harness.played.runs]),
        "orders at SCM": repr([order.comments for order in evidence.scm]),
    }


def canaries(harness: Harness) -> Mapping[str, str]:
    """Every forbidden text and its kind: plain, in base64, or a line of base64."""
    evidence = gather(harness)
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
    """The lines between head and foot with at least 16 characters."""
    return [line for line in pem.splitlines()[1:-1] if len(line) >= 16]


def leaks(harness: Harness, debug: str) -> set[str]:
    """Return `place: kind` of every leak."""
    wanted = canaries(harness)
    return {
        f"{place}: {what}"
        for place, text in places(harness, debug).items()
        for canary, what in wanted.items()
        if canary in text
    }


def assert_secret(harness: Harness, debug: str) -> None:
    """No canary, no private key, no signing request, plain or in base64."""
    assert leaks(harness, debug) == set()


def test_a_renewal_leaves_no_secret_anywhere(harness: Harness, debug_log: io.StringIO) -> None:
    """Step Functions keeps payloads for 90 days, and many can read logs."""
    begin(harness)

    assert harness.run().status == "SUCCEEDED"
    harness.editor.ask(DELEGATION, "idp", "drill")
    assert harness.daily_run().status == "SUCCEEDED"

    assert_secret(harness, debug_log.getvalue())


def test_an_open_order_has_its_secrets_in_its_own_fields_only(harness: Harness, debug_log: io.StringIO) -> None:
    """The sealed key and the signing request of an open order are in its own item."""
    begin(harness, issuance_seconds=1e6)

    harness.run()

    assert [item["status"] for item in gather(harness).of_kind("order")] == ["ordered"]
    assert_secret(harness, debug_log.getvalue())


def test_a_refused_login_does_not_quote_the_password(harness: Harness, debug_log: io.StringIO) -> None:
    """The error travels through history, report and log."""
    begin(harness)
    harness.played.simulator.set_password(LOGIN, "another")

    assert harness.run().status == "FAILED"
    assert_secret(harness, debug_log.getvalue())


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
def test_no_error_quotes_the_request(harness: Harness, debug_log: io.StringIO, place: str, mode: Mode) -> None:
    """Requests contain keys, signing requests and passwords; errors of the libraries may quote requests."""
    scenario = SCENARIOS[0] if not place.startswith("acm") else SCENARIOS[3]
    found = [boundary for boundary in recorded(harness, scenario) if str(boundary).startswith(f"{place} #")]
    scenario.prepare(harness)
    harness.run_with(FaultInjection(harness, mode, found[-1]))

    assert_secret(harness, debug_log.getvalue())


def into_table(harness: Harness, text: str) -> None:
    """Plant *text* in an attribute."""
    item = {"delegation": {"S": DELEGATION}, "item": {"S": "finished#stray"}, "text": {"S": text}}
    harness.aws.client("dynamodb").put_item(TableName=harness.aws.outputs["AuditTable"], Item=item)


def into_objects(harness: Harness, text: str) -> None:
    """Plant *text* in an object."""
    harness.aws.client("s3").put_object(Bucket=harness.aws.outputs["StoreBucket"], Key="runs/stray", Body=text.encode())


def into_runs(harness: Harness, **change: Any) -> None:
    """Plant a change in the last run."""
    harness.played.runs.append(replace(harness.played.runs[-1], **change))


PLANT: Mapping[str, Callable[[Harness, str], object]] = {
    "table": into_table,
    "objects": into_objects,
    "events": lambda harness, text: harness.played.events.append({"token": text}),
    "log": lambda harness, text: harness.played.log.write(text),
    "reports": lambda harness, text: into_runs(
        harness, document={**(harness.played.runs[-1].document or {}), "text": text}
    ),
    "metrics": lambda harness, text: into_runs(harness, metrics={text: 1.0}),
    "orders at SCM": lambda harness, text: setattr(last_order(harness), "comments", text),
    "debug log": lambda _, text: logging.getLogger("stray").debug("%s", text),
    "histories": lambda harness, text: harness.run(reason=text),  # last: a reason is repeated in other places
}


def last_order(harness: Harness) -> Any:
    """The simulator's own newest order, no copy."""
    return list(harness.played.simulator._state.orders.values())[-1]


def test_a_leak_would_be_found_in_every_place(harness: Harness, debug_log: io.StringIO) -> None:
    """A search that cannot find anything proves nothing: each place, and each kind of secret without its head."""
    begin(harness)
    harness.run()
    harness.editor.ask(DELEGATION, "idp", "drill")
    harness.played.simulator.dials.issuance_seconds = 1e6
    harness.daily_run()
    assert_secret(harness, debug_log.getvalue())
    assert set(PLANT) == set(places(harness, ""))
    planted = {what: canary for canary, what in canaries(harness).items()}
    assert set(planted) >= {"password", "private key", "signing request"}

    found: set[str] = set()
    for place, plant in PLANT.items():
        assert not any(leak.startswith(f"{place}: ") for leak in found)
        plant(harness, " ".join(planted.values()))
        found = leaks(harness, debug_log.getvalue())
        assert found >= {f"{place}: {what}" for what in planted}, place
