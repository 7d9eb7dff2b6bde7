"""`python -m scm_simulator`."""

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest

from scm_simulator import Dials
from scm_simulator.__main__ import main
from tests.simulator.material import RequestMaker

ROOT = Path(__file__).parents[2]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the command; it is stopped in the end."""
    started: list[subprocess.Popen[str]] = []

    def make(*options: str) -> "subprocess.Popen[str]":
        environment = os.environ | {"PYTHONPATH": str(ROOT / "tools")}
        command = [sys.executable, "-m", "scm_simulator", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        return process

    yield make
    for process in started:
        process.kill()
        process.communicate()


def facts_of(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Return what the one line of JSON says."""
    assert process.stdout
    return dict(json.loads(process.stdout.readline()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_line_of_json_is_all_that_a_client_needs(start: Start, number: signal.Signals):
    """Then it serves over HTTPS until it is stopped, and ends well."""
    process = start("--json")
    facts = facts_of(process)
    headers = {key: facts[value] for key, value in (("login", "login"), ("password", "password"))}
    headers["customerUri"] = facts["customer_uri"]

    with httpx.Client(verify=ssl.create_default_context(cafile=facts["tls_ca_file"])) as client:
        answer = client.get(f"{facts['base_url']}/ssl/v1/types", headers=headers)

    assert facts["base_url"].endswith("/api")
    assert {"department_id", "example_name", "roots_file"} <= set(facts)
    known = [{key: one[key] for key in ("id", "name", "terms")} for one in answer.json()]
    assert known == facts["profiles"]
    process.send_signal(number)
    rest, trouble = process.communicate(timeout=10)
    assert (process.returncode, rest, trouble) == (0, "", "")


def calls_of(facts: dict[str, Any], account: dict[str, Any]) -> httpx.Client:
    """Return a client of *account*."""
    headers = {"login": account["login"], "password": account["password"], "customerUri": facts["customer_uri"]}
    return httpx.Client(base_url=facts["base_url"], headers=headers)


def test_the_printed_accounts_reach_what_the_api_lists(start: Start, request_for: RequestMaker):
    """Whoever tries a client against it meets no -3; a department's officer still only asks for a delegation."""
    facts = facts_of(start("--json", "--http", "--no-auto-approve"))
    name, place = facts["example_name"], {"orgId": facts["department_id"], "certTypes": ["SSL"]}
    body = request_for(name, orgId=facts["department_id"], certType=facts["profiles"][0]["id"], term=90)

    with calls_of(facts, facts) as officer, calls_of(facts, facts["registration_authority"]) as above:
        one, other = (officer.post("/ssl/v1/enroll", json=body).json()["sslId"] for _ in range(2))
        answers = [
            officer.post(f"/ssl/v1/approve/{one}", json={"message": "yes"}),
            officer.post(f"/ssl/v1/decline/{other}", json={"message": "no"}),
            officer.get("/dcv/v1/validation"),
            officer.post("/dcv/v2/validation/status", json={"domain": name}),
            officer.post("/domain/v1", json={"name": "new.example.edu", "delegations": [place]}),
        ]
        [number] = [one["id"] for one in above.get("/domain/v1", params={"name": "new."}).json()]
        answers += [
            above.post(f"/domain/v1/{number}/delegation/approve", json=place),
            above.put(f"/domain/v1/{number}/suspend"),
            officer.delete(f"/domain/v1/{number}"),
            officer.post(f"/ssl/v1/{one}/dcv/recheck"),
        ]
    assert [answer.text for answer in answers if not answer.is_success] == []
    assert facts["registration_authority"]["role"] == "MRAO"


def test_without_json_a_person_reads_the_same(start: Start):
    """And is told that it is all worthless."""
    process = start("--http")
    assert process.stdout
    page = "".join(process.stdout.readline() for _ in range(10))

    assert "worthless" in page
    assert "MRAO          login mrao-example, password Example-password-2" in page
    assert "http://127.0.0.1:" in page


def test_dials_can_be_turned_on_the_command_line(start: Start):
    """Each has an option of its own name."""
    facts = facts_of(start("--json", "--http", "--fault", "kind=unavailable,operation=GET *,times=0"))

    assert httpx.get(f"{facts['base_url']}/ssl/v1").status_code == 503


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--port", "x"], "is not a port"),
        (["--port", "70000"], "is not a port"),
        (["--host", "192.0.2.7"], "invalid choice"),
        (["--outcome", "lost"], "invalid choice"),
        (["--chain-order", "x509=sideways"], "write FORMAT=ORDER"),
        (["--fault", "kind=unheard"], "must be one of"),
        (["--fault", "operation=GET *"], "needs a kind"),
        (["--fault", "colour=red"], "is not a field"),
        (["--issuance-polls", "many"], "invalid int value"),
    ],
)
def test_wrong_usage_is_said_and_ends_with_2(capsys: pytest.CaptureFixture[str], options: list[str], complaint: str):
    """Before anything is served."""
    with pytest.raises(SystemExit) as ended:
        main(options)

    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_wrong_world_is_said_and_ends_with_2(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """With file and line."""
    path = tmp_path / "world.yaml"
    path.write_text("organisations: 7\n")

    assert main(["--world", str(path)]) == 2
    assert f"{path}:1: organisations: must be a list, not 7" in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str], start: Start):
    """Two simulators on one port are one too many."""
    port = facts_of(start("--json", "--http"))["base_url"].split(":")[2].split("/")[0]

    assert main(["--port", port]) == 2
    assert f"port {port}: Address already in use" in capsys.readouterr().err


def test_help_lists_every_dial_with_its_mistake(capsys: pytest.CaptureFixture[str]):
    """The list is the documentation."""
    with pytest.raises(SystemExit):
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())

    for field in fields(Dials):
        option = "--fault" if field.name == "faults" else f"--{field.name.replace('_', '-')}"
        assert option in text
        assert "Exposes" in field.metadata["help"]
