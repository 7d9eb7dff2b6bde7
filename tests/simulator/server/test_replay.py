"""A recording is replayed: `scm-simulator --replay FILE`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from scm_simulator.__main__ import main
from scm_simulator.replay import RecordingError, Replay
from scm_simulator.server import Server


def answer(path: str, body: Any, status: int = 200, **query: str) -> Mapping[str, Any]:
    """Return an answer of a recording."""
    headers = {"content-type": "application/json", "x-total-count": "1"}
    return {"method": "GET", "path": path, "query": query, "status": status, "headers": headers, "body": body}


RECORDING = {
    "answers": [
        answer("/ssl/v1", [], size="200", position="0"),
        answer("/ssl/v1", [{"sslId": 5}], size="200", position="0"),
        answer("/ssl/v1/5", {"code": -124, "description": "Unknown"}, status=404),
        {"method": "POST", "path": "token", "query": {}, "status": 200, "headers": {}, "body": {"access_token": "x"}},
        {"method": "GET", "path": "/ssl/v1/collect/5", "query": {}, "status": 200, "headers": {}, "text": "[text]"},
    ]
}


def test_equal_requests_get_their_answers_in_order_and_the_last_again():
    """A recorded list that changes between two searches must change for the client, too."""
    with Server(Replay(RECORDING), tls=False) as server, httpx.Client(base_url=server.base_url) as client:
        rows = [client.get("/ssl/v1?position=0&size=200").json() for _ in range(3)]
        refused = client.get("/ssl/v1/5")
        token = client.post(f"http://127.0.0.1:{server.port}/auth/realms/apiclients/protocol/openid-connect/token")
        text = client.get("/ssl/v1/collect/5").text

    assert rows == [[], [{"sslId": 5}], [{"sslId": 5}]]
    assert (refused.status_code, refused.json()["code"], refused.headers["x-total-count"]) == (404, -124, "1")
    assert (token.json(), text) == ({"access_token": "x"}, "[text]")


@pytest.mark.parametrize(
    ("method", "target", "missing"),
    [
        ("GET", "/ssl/v1?size=100", "GET /ssl/v1?size=100"),
        ("POST", "/ssl/v1/5", "POST /ssl/v1/5"),
        ("GET", "/ssl/v1/6", "GET /ssl/v1/6"),
    ],
)
def test_a_request_without_an_answer_is_named(method: str, target: str, missing: str):
    """An invented answer would make the test of a recording prove nothing."""
    with Server(Replay(RECORDING), tls=False) as server:
        found = httpx.request(method, server.base_url + target)

    assert (found.status_code, found.json()) == (501, {"description": f"the recording has no answer to {missing}"})


@pytest.mark.parametrize(
    "document",
    [[], {}, {"answers": [{}]}, {"answers": [{**RECORDING["answers"][0], "status": 999}]}, {"answers": ["x"]}],
    ids=str,
)
def test_a_file_that_is_no_recording_is_refused(document: Any):
    """Otherwise each of its requests would be answered with 501."""
    with pytest.raises(RecordingError, match="not a recording"):
        Replay(document)


def test_the_command_refuses_a_recording_that_it_cannot_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Exit code 2, and the reason; a world has no effect on a recording."""
    file = tmp_path / "recording.json"
    file.write_text(json.dumps(RECORDING), encoding="utf-8")

    codes = [
        main(["--replay", str(tmp_path / "missing.json")]),
        main(["--replay", str(file), "--world", "world.yaml"]),
        main(["--replay", str(file), "--page-limit", "1"]),
    ]

    assert codes == [2, 2, 2]
    assert capsys.readouterr().err.count("--replay answers as recorded: it has no world and no dials") == 2
