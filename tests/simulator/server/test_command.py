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
from tests.simulator.driver import enrollment

ROOT = Path(__file__).parents[3]
Process = subprocess.Popen[str]
Start = Callable[..., Process]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the command; it is stopped after the test."""
    started: list[Process] = []

    def make(*options: str) -> Process:
        environment = os.environ | {"PYTHONPATH": str(ROOT / "tools")}
        command = [sys.executable, "-m", "scm_simulator", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        return process

    yield make
    for process in started:
        process.kill()
        process.communicate()


def settings_of(process: Process) -> dict[str, Any]:
    """Return the line of JSON that the command prints."""
    assert process.stdout
    return dict(json.loads(process.stdout.readline()))


def client_of(settings: dict[str, Any], account: dict[str, Any]) -> httpx.Client:
    """Return a client of *account*."""
    headers = {"login": account["login"], "password": account["password"], "customerUri": settings["customer_uri"]}
    verify = ssl.create_default_context(cafile=settings["tls_ca_file"]) if settings["tls_ca_file"] else True
    return httpx.Client(base_url=settings["base_url"], headers=headers, verify=verify)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_line_of_json_has_all_settings_of_a_client(start: Start, number: signal.Signals):
    """The command then serves HTTPS until a signal stops it, and exits with 0."""
    process = start("--json")
    settings = settings_of(process)

    with client_of(settings, settings) as client:
        profiles = client.get("/ssl/v1/types").json()

    assert settings["base_url"].endswith("/api")
    assert {"department_id", "example_name", "roots_file"} <= set(settings)
    assert [{key: profile[key] for key in ("id", "name", "terms")} for profile in profiles] == settings["profiles"]
    process.send_signal(number)
    output, errors = process.communicate(timeout=10)
    assert (process.returncode, output, errors) == (0, "", "")


def test_the_printed_accounts_can_use_the_whole_api(start: Start):
    """No operation is refused for want of a privilege, but a delegation by an officer is only requested."""
    settings = settings_of(start("--json", "--http", "--no-auto-approve"))
    name, place = settings["example_name"], {"orgId": settings["department_id"], "certTypes": ["SSL"]}
    body = enrollment(name, orgId=settings["department_id"], certType=settings["profiles"][0]["id"], term=90)

    with client_of(settings, settings) as officer, client_of(settings, settings["registration_authority"]) as mrao:
        approved, declined = (officer.post("/ssl/v1/enroll", json=body).json()["sslId"] for _ in range(2))
        answers = [
            officer.post(f"/ssl/v1/approve/{approved}", json={"message": "yes"}),
            officer.post(f"/ssl/v1/decline/{declined}", json={"message": "no"}),
            officer.get("/dcv/v1/validation"),
            officer.post("/dcv/v2/validation/status", json={"domain": name}),
            officer.post("/domain/v1", json={"name": "new.example.edu", "delegations": [place]}),
        ]
        [domain] = mrao.get("/domain/v1", params={"name": "new."}).json()
        answers += [
            mrao.post(f"/domain/v1/{domain['id']}/delegation/approve", json=place),
            mrao.put(f"/domain/v1/{domain['id']}/suspend"),
            officer.delete(f"/domain/v1/{domain['id']}"),
            officer.post(f"/ssl/v1/{approved}/dcv/recheck"),
        ]
    assert [answer.text for answer in answers if not answer.is_success] == []
    assert settings["registration_authority"]["role"] == "MRAO"


def test_without_json_the_settings_are_printed_as_text(start: Start):
    """The text warns that the certificates are worthless."""
    process = start("--http")
    assert process.stdout
    text = "".join(process.stdout.readline() for _ in range(10))

    assert "worthless" in text
    assert "MRAO          login mrao-example, password Example-password-2" in text
    assert "http://127.0.0.1:" in text


def test_dials_can_be_set_on_the_command_line(start: Start):
    """Each dial has an option of its name."""
    settings = settings_of(start("--json", "--http", "--fault", "kind=unavailable,operation=GET *,times=0"))

    assert httpx.get(f"{settings['base_url']}/ssl/v1").status_code == 503


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--port", "x"], "is not a port"),
        (["--port", "70000"], "is not a port"),
        (["--outcome", "lost"], "invalid choice"),
        (["--chain-order", "x509=sideways"], "write FORMAT=ORDER"),
        (["--fault", "kind=unheard"], "kind: Input should be 'slow'"),
        (["--fault", "operation=GET *"], "kind: Field required"),
        (["--fault", "kind=slow,colour=red"], "colour: Unexpected keyword"),
        (["--issuance-polls", "many"], "invalid int value"),
    ],
)
def test_wrong_usage_is_reported_with_exit_2(capsys: pytest.CaptureFixture[str], options: list[str], complaint: str):
    """Nothing is served."""
    with pytest.raises(SystemExit) as ended:
        main(options)

    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_an_invalid_world_is_reported_with_exit_2(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """The error has file and line."""
    path = tmp_path / "world.yaml"
    path.write_text("organisations: 7\n")

    assert main(["--world", str(path)]) == 2
    assert f"{path}:1: organisations: must be a list" in capsys.readouterr().err


def test_a_world_without_a_client_is_reported_with_exit_2(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """The settings of a client could not be printed."""
    path = tmp_path / "world.yaml"
    path.write_text("{organisations: [], accounts: [], profiles: []}")

    assert main(["--world", str(path)]) == 2
    assert "no account of the world has a department" in capsys.readouterr().err


def test_a_port_in_use_is_reported_with_exit_2(capsys: pytest.CaptureFixture[str], start: Start):
    """The error names the port."""
    port = settings_of(start("--json", "--http"))["base_url"].split(":")[2].split("/")[0]

    assert main(["--port", port]) == 2
    assert f"port {port}: Address already in use" in capsys.readouterr().err


def test_help_lists_every_dial_with_its_mistake(capsys: pytest.CaptureFixture[str]):
    """The help is the documentation of the dials."""
    with pytest.raises(SystemExit):
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())

    for field in fields(Dials):
        option = "--fault" if field.name == "faults" else f"--{field.name.replace('_', '-')}"
        assert option in text
        assert "Exposes" in field.metadata["help"]


def test_a_recording_is_served_until_a_signal_stops_the_command(start: Start, tmp_path: Path):
    """The printed list of requests shows what a client may ask for."""
    answer = {"method": "GET", "path": "/ssl/v1", "query": {"size": "1"}, "status": 200, "headers": {}, "body": [7]}
    file = tmp_path / "recording.json"
    file.write_text(json.dumps({"answers": [answer]}))
    as_json, as_text = start("--replay", str(file), "--http", "--json"), start("--replay", str(file), "--http")
    settings = settings_of(as_json)
    assert as_text.stdout

    assert httpx.get(f"{settings['base_url']}/ssl/v1?size=1").json() == [7]
    assert settings["requests"] == ["GET /ssl/v1?size=1"]
    assert "  GET /ssl/v1?size=1\n" in iter(as_text.stdout.readline, "Stop it with Ctrl-C.\n")
