"""The world: what it must hold, and the file that describes it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from scm_simulator import Account, Organisation, Profile, Simulator, World, WorldError
from scm_simulator.world.example import example_world
from scm_simulator.world.world_file import read_world
from tests.simulator.material import Clock

GOOD = """\
organisations:
  - id: 1000
    name: Example University
    departments:
      - id: 1001
        name: Ours
        profiles: [7]
        domains:
          - service.example.edu
          - {name: "*.service.example.edu", dcv_expires_in_days: 20}
accounts:
  - {login: drao, password: Secret-1, departments: [1001]}
oauth_clients:
  - {client_id: key, client_secret: s, login: drao}
profiles:
  - {id: 7, name: OV, terms: [90, 199], key_types: {EC: [P-256]}}
custom_fields:
  - {name: cost centre, mandatory: true}
certificates:
  - {department: 1001, names: [service.example.edu], profile: 7, term_days: 199,
     issued_days_ago: 150, label: u/s}
  - {department: 1001, names: [a.service.example.edu], profile: 7, term_days: 90, issued_on: 2026-05-01}
dials:
  issuance: {polls: 0, seconds: 5}
  chain_order: {pem: leaf-first}
  faults:
    - {kind: slow, operation: "GET *", seconds: 0.5}
behaviours:
  - {name: slow.service.example.edu, issuance: {polls: 3}}
  - {name: odd.service.example.edu, chain: other, faults: [{kind: reset_after}]}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is to be."""
    return tmp_path / "estate.yaml"


def load(path: Path, text: str) -> World:
    """Write the text to the file, and read the file."""
    path.write_text(text)
    return read_world(path)


def test_a_whole_file_is_read(path: Path):
    """Every part of the format, once."""
    world = load(path, GOOD)

    [department] = world.organisations[0].departments
    assert [one.name for one in department.domains] == ["service.example.edu", "*.service.example.edu"]
    assert department.domains[1].dcv_expires_in_days == 20
    assert world.profiles[0].key_types == {"EC": ("P-256",)}
    assert (world.dials.issuance_polls, world.dials.issuance_seconds) == (0, 5.0)
    assert (world.dials.chain_order["pem"], world.dials.chain_order["x509"]) == ("leaf-first", "root-first")
    assert world.dials.faults[0].seconds == 0.5
    assert world.behaviours[0].dials == {"issuance_polls": 3}


def test_what_was_issued_before_is_there_with_key_and_label(path: Path, clock: Clock):
    """The tools that start an estate find the key of what is installed there."""
    first, second = Simulator(load(path, GOOD), clock=clock).orders

    assert (first.label, first.status, first.via) == ("u/s", "Issued", "REST API")
    assert first.issued_at == clock() - timedelta(days=150)
    assert first.private_key_pem
    assert first.csr.key_type == "EC - P-256"
    assert second.issued_at
    assert second.issued_at.isoformat() == "2026-05-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("status", "certificate"),
    [("Requested", False), ("Approved", False), ("Applied", False), ("Declined", False), ("Revoked", True)],
)
def test_a_certificate_of_before_may_have_any_status(path: Path, status: str, certificate: bool):
    """An order left open by an earlier run, for one."""
    text = GOOD.replace("label: u/s", f"status: {status}").replace("polls: 0", "polls: 1")

    [order, _] = Simulator(load(path, text)).orders

    assert order.status == status
    assert bool(order.certificate) == certificate


def test_an_open_order_of_before_is_issued_like_any_other(path: Path):
    """It waits its polls, from now on."""
    simulator = Simulator(load(path, GOOD.replace("label: u/s", "status: Applied")))
    simulator.dials.issuance_polls = simulator.dials.issuance_seconds = 0

    assert simulator.orders[0].status == "Issued"


def test_two_simulators_of_one_world_do_not_share_their_dials(path: Path):
    """A world is data; what is turned belongs to the simulator."""
    world = load(path, GOOD)
    first, second = Simulator(world), Simulator(world)

    first.dials.faults.clear()
    first.dials.chain_order["x509"] = "shuffled"

    assert len(second.dials.faults) == 2
    assert second.dials.chain_order["x509"] == "root-first"
    assert len(world.dials.faults) == 1


@pytest.mark.parametrize(
    ("old", "new", "line", "complaint"),
    [
        ("name: Ours", "nane: Ours", 6, "organisations[0].departments[0].nane: is not a known field"),
        ("name: Ours", "nane: Ours", 6, "did you mean name?"),
        ("login: drao, password", "login: [drao], password", 12, "accounts[0].login: must be a text"),
        ("id: 1001\n", "id: x\n", 5, "departments[0].id: must be a whole number, not 'x'"),
        ("terms: [90, 199]", "terms: 199", 16, "profiles[0].terms: must be a list, not 199"),
        ("terms: [90, 199]", "terms: [90, long]", 16, "profiles[0].terms[1]: must be a whole number"),
        ("key_types: {EC: [P-256]}", "key_types: [EC]", 16, "key_types: must be a mapping, not a list"),
        ("mandatory: true", "mandatory: 1", 18, "custom_fields[0].mandatory: must be true or false"),
        ("issued_on: 2026-05-01", "issued_on: soon", 22, "issued_on: must be a day, not 'soon'"),
        ("label: u/s", "status: Lost", 21, "status: must be left out, or one of Requested, Approved, Applied, Decl"),
        ("{login: drao, password: Secret-1", "{password: Secret-1", 12, "accounts[0]: login is missing"),
        ("  - id: 1000\n", "  - id: 1000\n    id: 1000\n", 3, "organisations[0].id: is there twice"),
        ("id: 1001\n", "id: 1000\n", 5, "organisation or department id 1000 is there twice"),
        (
            "departments: [1001]",
            "departments: [1002]",
            12,
            "accounts[0].departments[0]: there is no department",
        ),
        ("profiles: [7]", "profiles: [8]", 7, "departments[0].profiles[0]: there is no profile 8; known: 7"),
        (
            "secret: s, login: drao",
            "secret: s, login: x",
            14,
            "oauth_clients[0].login: there is no account 'x'",
        ),
        (
            "department: 1001, names: [a.",
            "department: 9, names: [a.",
            22,
            "certificates[1].department: there is",
        ),
        ("names: [service.example.edu]", "names: []", 20, "certificates[0].names: a certificate needs"),
        ("- service.example.edu\n", "- no name\n", 9, "domains[0].name: 'no name' is not a domain name"),
        (
            "polls: 0",
            "pols: 0",
            24,
            "dials.issuance_pols: is not a known field; did you mean issuance_polls?",
        ),
        (
            "pem: leaf-first",
            "pem: sideways",
            25,
            "dials.chain_order.pem: must be one of root-first, leaf-first",
        ),
        ("kind: slow", "kind: lazy", 27, "dials.faults[0].kind: must be one of"),
        ("{name: slow.service.example.edu, ", "{", 29, "behaviours[0]: name is missing"),
        ("chain: other", "chain: mine", 30, "behaviours[1].chain: must be one of own, other"),
        (
            "name: odd.",
            "name: slow.",
            30,
            "behaviours[1].name: behaviour 'slow.service.example.edu' is there twice",
        ),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_field(path: Path, old: str, new: str, line: int, complaint: str):
    """A person who writes an estate must not have to guess."""
    assert old in GOOD
    text = GOOD.replace(old, new, 1)

    with pytest.raises(WorldError) as wrong:
        load(path, text)

    told = str(wrong.value).splitlines()
    assert any(one.startswith(f"{path}:{line}: ") and complaint in one for one in told), told


def test_all_that_is_wrong_is_said_at_once(path: Path):
    """Whoever mends one fault must not then be told of the next: wrong fields and wrong references together."""
    wrong = (
        ("name: Ours", "name: Ours\n        nane: Theirs"),
        ("profiles: [7]", "profiles: [8]"),
        ("dcv_expires_in_days: 20", "dcv_expires_in_days: soon"),
        ("department: 1001, names: [a.", "department: 9, names: [a."),
        ("polls: 0", "pols: 0"),
        ("polls: 3", "polls: many"),
    )
    text = GOOD
    for old, new in wrong:
        text = text.replace(old, new, 1)

    with pytest.raises(WorldError) as told:
        load(path, text)

    assert [line.removeprefix(f"{path}:")[:60] for line in str(told.value).splitlines()] == [
        "7: organisations[0].departments[0].nane: is not a known field"[:60],
        "8: organisations[0].departments[0].profiles[0]: there is no profile 8"[:60],
        "11: organisations[0].departments[0].domains[1].dcv_expires_in_days: must"[:60],
        "23: certificates[1].department: there is no department 9; known"[:60],
        "25: dials.issuance_pols: is not a known field; did you mean issuance_polls?"[:60],
        "30: behaviours[0].issuance_polls: must be a whole number, not 'many'"[:60],
    ]


def test_a_reference_to_an_entry_that_cannot_be_read_is_no_fault_of_its_own(path: Path):
    """The department is there, only its id is wrong: to say that there is none would mislead."""
    text = GOOD.replace("id: 1001\n", "id: x\n").replace("name: cost centre", "nome: cost centre")

    with pytest.raises(WorldError) as told:
        load(path, text)

    assert [line.split(": ", 1)[1] for line in str(told.value).splitlines()] == [
        "organisations[0].departments[0].id: must be a whole number, not 'x'",
        "custom_fields[0]: name is missing",
        "custom_fields[0].nome: is not a known field; did you mean name?",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", ":1: is empty"),
        ("- a list\n", ":1: must be a mapping, not a list"),
        ("a: [1\n", "is not YAML"),
        ("profiles: []\naccounts: []\n", ":1: organisations is missing"),
    ],
)
def test_a_file_that_is_no_world_is_said_to_be_none(path: Path, text: str, complaint: str):
    """Also when there is nothing in it."""
    with pytest.raises(WorldError, match=complaint.replace("[", r"\[")):
        load(path, text)


def test_a_file_that_is_not_there_is_named(path: Path):
    """The commonest mistake of all."""
    with pytest.raises(WorldError, match="cannot be read: No such file"):
        read_world(path)


def test_a_world_made_in_python_is_held_to_the_same_rules():
    """No line there, but the place."""
    accounts = (Account("a", "x"), Account("a", "y"))

    with pytest.raises(WorldError, match=r"accounts\[1\].login: login 'a' is there twice"):
        Simulator(World((Organisation(1, "O"),), accounts, (Profile(1, "P"),)))


def test_an_address_that_is_none_is_said():
    """A typing mistake in a list of addresses would lock everybody out."""
    with pytest.raises(WorldError, match=r"allowed_addresses\[0\]: .*write 192.0.2.7"):
        Simulator(World((), (Account("a", "x", allowed_addresses=("300.1.1.1",)),), ()))


def test_secrets_are_not_in_the_text_of_a_world():
    """Worlds are printed in tracebacks."""
    assert "Example-password-1" not in repr(example_world())
    assert "example-client-secret" not in repr(example_world())


def test_the_example_world_can_be_ordered_from(request_for: Any):
    """Whatever `--json` prints must work."""
    world = example_world()
    account = world.accounts[0]
    headers = {"login": account.login, "password": account.password, "customerUri": account.customer_uri}
    transport = httpx.WSGITransport(app=Simulator(world))
    with httpx.Client(transport=transport, headers=headers) as client:
        body = request_for(world.organisations[0].departments[0].domains[0].name)
        assert client.post("http://scm.test/api/ssl/v1/enroll", json=body).is_success
