"""Recordings of SCM's answers: without what is secret or personal, and read by the client like the original."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from renewal import records
from renewal.adapters.scm.recording import ScmRecorder
from renewal.domain.delegation import CertificateSpec, Delegation
from renewal.domain.errors import CredentialRefused, StoreUnavailable
from renewal.domain.setup.inspection import Inspection
from scm_simulator.in_process import InProcess
from scm_simulator.replay import Replay
from scm_simulator.simulator import Simulator
from scm_simulator.world.fault import Fault
from tests.adapters.scm.stage import (
    BASE_URL,
    NOW,
    OAUTH_BASE_URL,
    SIMULATED_CLIENT,
    SIMULATED_LOGIN,
    TOKEN_URL,
    accounts,
    vault,
)
from tests.fakes import HandClock
from tests.unit.system import System

RECORDINGS = Path(__file__).parent / "recordings"
NAME = "delegation-1"
"""The first delegation of every recording."""
Document = Mapping[str, Any]


def recorder(http: httpx.Client) -> ScmRecorder:
    """Return a recorder of what *http* receives."""
    return ScmRecorder(http, base_urls=(BASE_URL, OAUTH_BASE_URL), token_url=TOKEN_URL)


def inspect(
    transport: httpx.BaseTransport, credential: Mapping[str, str], name: str, organisation: str, department: int = 2001
) -> tuple[Inspection | None, Document]:
    """Inspect a delegation of one *name* as a run does; return the inspection and its recording."""
    system, recordings = System(clock=HandClock(NOW)), list[Document]()
    system.add(
        CertificateSpec(NAME, "certificate-1", (name,), 3001),
        delegation=Delegation(NAME, organisation, department, (name,)),
    )
    real = accounts(transport, vault(credential, NAME), system.clock)
    recording = lambda *_: recorder(real._http).recording(recordings.append)  # noqa: E731  # as short as it is
    system.inspect_step(accounts=real, recording=recording)(system.item(delegation=NAME, is_recorded=True))
    return system.book.delegation(NAME).inspection, recordings[0]


def answer(recording: Document, path: str) -> Any:
    """Return the body of the last answer to a request for *path*."""
    return [found for found in recording["answers"] if found["path"] == path][-1]["body"]


def ordered(simulator: Simulator, credential: Mapping[str, str]) -> None:
    """Have SCM issue a certificate, so that its report has a row."""
    simulator.dials.issuance_polls = 0
    system = System(clock=HandClock(NOW))
    spec = CertificateSpec(NAME, "certificate-1", ("portal.example.edu",), 3001)
    system.add(spec, delegation=Delegation(NAME, "Example University", 2001, spec.names))
    system.enroll_step(accounts=accounts(InProcess(simulator), vault(credential, NAME), system.clock))(
        system.task(spec)
    )


# ---- Record and replay -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("credential", [SIMULATED_LOGIN, SIMULATED_CLIENT], ids=["header login", "OAuth2"])
def test_a_replayed_recording_is_inspected_like_the_original(credential: Mapping[str, str]):
    """A recording that changes what the client reads would prove nothing about the real account."""
    simulator = Simulator(clock=HandClock(NOW))
    ordered(simulator, credential)
    original, recording = inspect(InProcess(simulator), credential, "portal.example.edu", "Example University")

    names = {
        **{row["name"]: DOMAINS[row["id"]] for row in answer(recording, "/domain/v1")},
        answer(recording, "/organization/v1/2001")["name"]: "Delegated services",
        answer(recording, "/organization/v1/2001")["parentName"]: "Example University",
        **{profile["name"]: PROFILES[profile["id"]] for profile in answer(recording, "/ssl/v1/types")},
        answer(recording, "/ssl/v1/customFields")[0]["name"]: "cost centre",
    }
    back = {original: example for example, original in names.items()}
    login = {**credential, "login": "login-1"} if "login" in credential else credential
    replayed, again = inspect(
        InProcess(Replay(recording)), login, back["portal.example.edu"], back["Example University"]
    )

    assert original
    assert replayed
    text = json.dumps(records.to_json(replayed), ensure_ascii=False)
    assert original.foreign
    requester = original.foreign.orders[0].requester  # who ordered is left out of a recording
    replaced = {"[text]": requester, "login-1": "drao-example", f"{1:032}": "token1"}
    replaced[replayed.adoptable[0].serial] = original.adoptable[0].serial
    replaced[replayed.reading_key] = original.reading_key  # a hash of the delegation, whose names differ
    for example, name in {**names, **replaced}.items():
        text = text.replace(json.dumps(example)[1:-1], name)
    assert json.loads(text) == records.to_json(original)
    assert len(again["answers"]) == len(recording["answers"]) >= 8


DOMAINS = {403: "portal.example.edu", 402: "*.service.example.edu", 401: "service.example.edu"}
PROFILES = {3001: "OV single and multi domain", 3002: "OV RSA only", 3003: "Short-lived"}


TROUBLES: Mapping[str, Mapping[str, Any]] = {
    "validations have expired": {"dcv": "EXPIRED", "organisation_validation": "EXPIRED"},
    "other spellings": {"enum_dialect": "labels", "date_format": "EU_HMS", "serial_format": "stripped"},
    "names in capitals": {"common_name_form": "upper-case", "report_names": "dnsname", "cn_in_names": True},
    "comments are hidden": {"hidden_comments": True, "missing_values": "null", "extra_members": True},
    "a mandatory field": {"mandatory_custom_field": "Numéro de Mme Canari"},
    "outages": {
        "faults": [
            Fault("unavailable", "POST /api/report/v1/ssl-certificates", times=0),
            Fault("bad_gateway", "GET /api/domain/v1/403", times=0),
            Fault("truncated", "GET /api/ssl/v1/customFields", times=0),
            Fault("refused", "GET /api/admin/v1/password", times=0),
        ]
    },
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_troubled_scm_is_found_as_troubled_in_its_recording(trouble: str):
    """The recordings that are worth most are of an SCM that is not as documented."""
    simulator = Simulator(clock=HandClock(NOW))
    ordered(simulator, SIMULATED_LOGIN)
    for dial, value in TROUBLES[trouble].items():
        setattr(simulator.dials, dial, value)
    original, recording = inspect(InProcess(simulator), SIMULATED_LOGIN, "portal.example.edu", "Example University")
    (name,) = [row["name"] for row in answer(recording, "/domain/v1") if row["id"] == 403]
    organisation = answer(recording, "/organization/v1/2001")["parentName"]

    login = {**SIMULATED_LOGIN, "login": "login-1"}
    replayed, _ = inspect(InProcess(Replay(recording)), login, name, organisation)

    assert original
    assert replayed
    assert judged(replayed) == judged(original)
    text = json.dumps(recording, ensure_ascii=False).casefold()
    assert not [each for each in ("portal", "example.edu", "university", "drao-example", "canari") if each in text]


def judged(inspection: Inspection) -> Any:
    """Return what the inspection found, without the names in it."""
    findings = [(each.code, each.severity, each.actor, each.due, each.is_security) for each in inspection.findings]
    checks = [(each.step, each.status, each.code, each.due) for each in inspection.check_results]
    return findings, checks, inspection.password_expires, len(inspection.unrecorded), len(inspection.adoptable)


@pytest.mark.parametrize("file", sorted(RECORDINGS.glob("*.json")), ids=lambda file: file.stem)
def test_the_client_reads_a_stored_recording(file: Path):
    """The first answers of a real account are added to the folder; `example` is the simulator's."""
    stored = json.loads(file.read_text(encoding="utf-8"))
    queries = [found["query"] for found in stored["answers"]]
    login = next((query["login"] for query in queries if "login" in query), "login-1")
    department = next(int(query["orgId"]) for query in queries if "orgId" in query)
    names = [found["body"]["name"] for found in stored["answers"] if found["path"].startswith("/domain/v1/")]
    assert names

    inspection, _ = inspect(
        InProcess(Replay(stored)), {**SIMULATED_LOGIN, "login": login}, names[0], "Name 1", department
    )

    assert inspection
    assert inspection.profiles
    assert inspection.password_expires
    assert {entry.entry for entry in inspection.delegated} == set(names)


# ---- Nothing secret, nothing personal --------------------------------------------------------------------------------

PLANTED: tuple[Any, ...] = (
    "Canary-Passw0rd!",
    "t0k3n-of-canary",
    "alice.canary@univ-canary.fr",
    "Alice Canary",
    "CANARY_ALICE canaryAlice",
    "acanary",
    "https://canary.example.org/customer-canary",
    "+33 6 12 34 56 78",
    "06.12.34.56.78",
    33612345678,
    336.12345678,
    "portal.univ-canary.fr; canary.univ-canary.fr",
    "bücher-canary.fr",
    "Université Canary",
    "-----BEGIN CERTIFICATE REQUEST-----\nMIICcanary\n-----END CERTIFICATE REQUEST-----",
    "AB:CD:EF:AA:12:34:56:78",
    "certmandate order canaryt0k3n for canary/canary",
)
TRACES = (
    "canary",
    "canari",
    "alice",
    "passw0rd",
    "t0k3n",
    "12345678",
    "12 34 56",
    "12.34.56",
    "12:34:56",
    "univ",
    "büch",
)


def planted(value: Any, canary: Any) -> Any:
    """Return *value* with *canary* in place of every value, and in new members of every object."""
    if isinstance(value, dict):
        more = {"newMember": canary, "newObject": {"id": canary, "other": [canary]}, "alice@univ-canary.fr": canary}
        return {name: planted(item, canary) for name, item in value.items()} | more
    if isinstance(value, list):
        return [*(planted(item, canary) for item in value), canary]
    return canary


def everything(credential: Mapping[str, str]) -> Iterable[tuple[str, str, Mapping[str, Any], Any]]:
    """Yield method, path, query and body of every answer of a check, of an order's details, and of refusals."""
    simulator = Simulator(clock=HandClock(NOW))
    ordered(simulator, credential)
    (order,) = simulator.orders
    bodies: list[tuple[str, str, Mapping[str, Any], Any]] = []

    def keep(request: httpx.Request) -> httpx.Response:
        response = InProcess(simulator).handle_request(request)
        response.read()
        bodies.append((request.method, request.url.path, dict(request.url.params), json.loads(response.content)))
        return response

    inspect(httpx.MockTransport(keep), credential, "portal.example.edu", "Example University")
    client = accounts(httpx.MockTransport(keep), vault(credential), HandClock(NOW)).authority("univ")
    client.details(order.ssl_id)
    return [*bodies, ("GET", "/api/ssl/v1/1", {}, {"code": -16, "description": "x", "error": "x"})]


@pytest.mark.parametrize("canary", PLANTED, ids=str)
def test_no_value_of_any_member_or_header_is_in_a_recording(canary: Any):
    """What a new release adds is not known, so the recording keeps only values of a listed form."""
    answers = list(everything(SIMULATED_LOGIN))
    headers = {"X-Owner": str(canary), "Content-Type": f"text/{canary}", "Retry-After": str(canary)}
    headers = {name: value.encode("ascii", "replace").decode().replace("\n", " ") for name, value in headers.items()}
    bodies = iter([json.dumps(planted(body, canary)) for *_, body in answers] + [str(canary), json.dumps(canary)])

    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={**headers, "X-Total-Count": headers["X-Owner"]}, text=next(bodies))

    kept: list[Document] = []
    with httpx.Client(transport=httpx.MockTransport(respond)) as http, recorder(http).recording(kept.append):
        for method, path, query, _ in answers:
            http.request(method, f"https://scm.test{path}", params={**query, "login": canary, "commonName": canary})
        http.get(f"{BASE_URL}/ssl/v1", params={"unknown": canary}, headers={"login": "acanary", "password": "canary"})
        http.post(TOKEN_URL, data={"client_secret": "canary"})

    text = json.dumps(kept[0], ensure_ascii=False).casefold()
    assert len(kept[0]["answers"]) == len(answers) + 2
    assert not [trace for trace in TRACES if trace in text]


def test_a_recording_keeps_what_the_client_decides_by():
    """With every value removed, a recording would be safe and useless."""
    simulator = Simulator(clock=HandClock(NOW))
    ordered(simulator, SIMULATED_LOGIN)

    _, recording = inspect(InProcess(simulator), SIMULATED_LOGIN, "portal.example.edu", "Example University")

    assert answer(recording, "/domain/v1/403") == {
        "id": 403,
        "name": "label1.label2.label3.example",
        "delegationStatus": "ACTIVE",
        "state": "ACTIVE",
        "validationStatus": "VALIDATED",
        "validationMethod": "EMAIL",
        "dcvValidation": "2026-11-13",
        "dcvExpiration": "2027-05-22",
        "delegations": [{"orgId": 2001, "certTypes": ["SSL"], "status": "ACTIVE"}],
    }
    account = answer(recording, "/admin/v1/1601")
    assert (account["login"], account["email"], account["privileges"][0]) == ("login-1", "[text]", "sslRequest")
    (row,) = answer(recording, "/report/v1/ssl-certificates")["reports"]
    assert row["comments"] == f"certmandate order {1:032} for delegation-1/certificate-1"
    assert recording["replaced"]["logins"] == 1
    assert {"status", "dcvExpiration", "id"} <= set(recording["kept"])


# ---- The recorder ----------------------------------------------------------------------------------------------------


def failing(recording: Document) -> None:
    """Fail as S3 does."""
    raise StoreUnavailable(str(len(recording)))


def test_a_refused_login_is_recorded_and_stays_the_error():
    """The answer to it is one of the unknowns; that S3 fails, too, must not hide it."""
    refused = httpx.MockTransport(lambda _: httpx.Response(401, json={"code": -16, "description": "Unknown user"}))
    kept: list[Document] = []
    for write in (kept.append, failing):
        real = accounts(refused, vault())
        with pytest.raises(CredentialRefused), recorder(real._http).recording(write):
            real.setup_reader("univ").password_state()

    (found,) = kept[0]["answers"]
    assert (found["status"], found["body"]) == (401, {"code": -16, "description": "Unknown user"})


def test_a_recording_that_cannot_be_written_is_an_error():
    """The operator asked for it."""
    with httpx.Client() as http, pytest.raises(StoreUnavailable), recorder(http).recording(failing):
        pass


def test_only_answers_of_scm_within_the_context_are_recorded():
    """The client is shared with the service that echoes our address, and lives as long as the environment."""
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, text="-----BEGIN X")))
    kept: list[Document] = []
    with recorder(http).recording(kept.append):
        http.get("https://echo.test/")
        http.get(f"{BASE_URL}/ssl/v1/collect/7")
    http.get(f"{BASE_URL}/ssl/v1")

    assert [(found["path"], found["text"]) for found in kept[0]["answers"]] == [
        ("/ssl/v1/collect/7", "[1 blocks of PEM]")
    ]
