"""The world: its validation, and the file that describes it."""

from datetime import timedelta
from pathlib import Path

import pytest

from scm_simulator import Account, Organisation, Profile, Simulator, World, WorldError
from scm_simulator.world.domain_names import a_labels
from scm_simulator.world.example import example_world
from scm_simulator.world.world_file import read_world
from tests.simulator.driver import Clock

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
  issuance_polls: 0
  chain_order: {pem: leaf-first}
  faults:
    - {kind: slow, operation: "GET *", seconds: 0.5}
behaviours:
  - {name: slow.service.example.edu, issuance_polls: 3, issuance_seconds: 5}
  - {name: odd.service.example.edu, chain: other, faults: [{kind: reset_after}]}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the world file."""
    return tmp_path / "estate.yaml"


def load(path: Path, text: str = GOOD) -> World:
    """Write the text to the file, and read the file."""
    path.write_text(text, encoding="utf-8")
    return read_world(path)


def errors_in(path: Path, text: str) -> list[str]:
    """Return the errors in a file, without its path."""
    with pytest.raises(WorldError) as error:
        load(path, text)
    return [line.removeprefix(f"{path}:") for line in str(error.value).splitlines()]


def test_a_complete_file_is_read(path: Path):
    """It has every part of the format."""
    world = load(path)

    [department] = world.organisations[0].departments
    assert [domain.name for domain in department.domains] == ["service.example.edu", "*.service.example.edu"]
    assert department.domains[1].dcv_expires_in_days == 20
    assert world.profiles[0].key_types == {"EC": ("P-256",)}
    assert world.dials.issuance_polls == 0
    assert (world.dials.chain_order) == {"pem": "leaf-first"}
    assert world.dials.faults[0].seconds == 0.5
    assert world.behaviours[0].dials == {"issuance_polls": 3, "issuance_seconds": 5.0}


def test_past_certificates_have_key_label_and_dates(path: Path):
    """The tools that start an estate need the key of what is installed."""
    clock = Clock()

    first, second = Simulator(load(path), clock=clock).orders

    assert (first.label, first.status, first.via) == ("u/s", "Issued", "REST API")
    assert first.issued_at == clock() - timedelta(days=150)
    assert first.private_key_pem
    assert first.csr.key_type == "EC - P-256"
    assert second.issued_at
    assert second.issued_at.isoformat() == "2026-05-01T00:00:00+00:00"


@pytest.mark.parametrize("status", ["Requested", "Approved", "Applied", "Declined", "Revoked"])
def test_a_past_certificate_can_have_any_status(path: Path, status: str):
    """An earlier run may have left an open order."""
    text = GOOD.replace("label: u/s", f"status: {status}").replace("_polls: 0", "_polls: 1")

    [order, _] = Simulator(load(path, text)).orders

    assert order.status == status
    assert bool(order.certificate) == (status == "Revoked")


def test_two_simulators_of_a_world_have_their_own_dials(path: Path):
    """A world is data, and a test changes only its simulator."""
    world = load(path)
    first, second = Simulator(world), Simulator(world)

    first.dials.faults.clear()
    first.dials.chain_order["x509"] = "shuffled"

    assert len(second.dials.faults) == 2
    assert second.dials.chain_order == {"pem": "leaf-first"}
    assert len(world.dials.faults) == 1


@pytest.mark.parametrize(
    ("old", "new", "line", "complaint"),
    [
        ("name: Ours", "nane: Ours", 6, "organisations[0].departments[0].nane: is not a known field"),
        ("name: Ours", "nane: Ours", 6, "did you mean name?"),
        ("id: 1001\n", "id: x\n", 5, "departments[0].id: must be a valid integer"),
        ("terms: [90, 199]", "terms: 199", 16, "profiles[0].terms: must be a list"),
        ("key_types: {EC: [P-256]}", "key_types: [EC]", 16, "key_types: must be a mapping"),
        ("label: u/s", "status: Lost", 21, "status: must be '', 'Requested', 'Approved'"),
        ("{login: drao, password: Secret-1", "{password: Secret-1", 12, "accounts[0].login: is missing"),
        ("  - id: 1000\n", "  - id: 1000\n    id: 1000\n", 3, "organisations[0].id: is there twice"),
        ("id: 1001\n", "id: 1000\n", 5, "organisation or department id 1000 is there twice"),
        ("departments: [1001]", "departments: [1002]", 12, "accounts[0].departments[0]: there is no department"),
        ("profiles: [7]", "profiles: [8]", 7, "departments[0].profiles[0]: there is no profile 8; known: 7"),
        ("secret: s, login: drao", "secret: s, login: x", 14, "oauth_clients[0].login: there is no account 'x'"),
        ("departments: [1001]", "departments: [1001], allowed_addresses: [300.1.1.1]", 12, "[0]: '300.1.1.1' does not"),
        ("department: 1001, names: [a.", "department: 9, names: [a.", 22, "certificates[1].department: there is"),
        ("names: [service.example.edu]", "names: []", 20, "certificates[0].names: must have at least one"),
        ("- service.example.edu\n", "- no name\n", 9, "domains[0].name: 'no name' is not a domain name"),
        ("_polls: 0", "_pols: 0", 24, "dials.issuance_pols: is not a known field; did you mean issuance_polls?"),
        ("kind: slow", "kind: lazy", 27, "dials.faults[0].kind: must be 'slow', "),
        ("{name: slow.service.example.edu, ", "{", 29, "behaviours[0].name: is missing"),
        ("chain: other", "chain: mine", 30, "behaviours[1].chain: must be 'own', 'other'"),
        ("name: odd.", "name: slow.", 30, "behaviours[1].name: behaviour 'slow.service.example.edu' is there twice"),
    ],
)
def test_an_error_has_file_line_and_field(path: Path, old: str, new: str, line: int, complaint: str):
    """The author of an estate must find the error without a search."""
    assert old in GOOD
    errors = errors_in(path, GOOD.replace(old, new, 1))

    assert any(error.startswith(f"{line}: ") and complaint in error for error in errors), errors


def test_a_reference_to_an_unreadable_entry_is_not_an_error(path: Path):
    """The department exists and only its id is wrong, so a second error would mislead."""
    text = GOOD.replace("id: 1001\n", "id: x\n").replace("name: cost centre", "nome: cost centre")

    assert [error.split(": ", 1)[1] for error in errors_in(path, text)] == [
        "organisations[0].departments[0].id: must be a valid integer",
        "custom_fields[0].name: is missing",
        "custom_fields[0].nome: is not a known field; did you mean name?",
    ]


def test_a_file_may_have_names_as_their_owners_write_them(path: Path):
    """A delegation file may, and SCM's state was refused as `not a domain name`; SCM itself has A-labels."""
    text = GOOD.replace("- service.example.edu\n", "- '*.université.example'\n", 1)

    names = [domain.name for domain in load(path, text).organisations[0].departments[0].domains]

    assert "*.xn--universit-j4a.example" in names
    assert a_labels("straße.example") == "straße.example"  # IDNA 2003 would make it another name
    assert "'straße.example' is not a domain name" in errors_in(path, text.replace("*.université", "straße"))[0]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "1: is empty"),
        ("- a list\n", "1: must be a mapping"),
        ("a: [1\n", "is not YAML"),
        ("profiles: []\naccounts: []\n", "1: organisations: is missing"),
    ],
)
def test_a_file_without_a_world_is_refused(path: Path, text: str, complaint: str):
    """The error names what is missing."""
    assert complaint in errors_in(path, text)[0]


def test_a_missing_file_is_reported(path: Path):
    """The name of the file is the most frequent mistake."""
    with pytest.raises(WorldError, match=r"estate\.yaml:1: cannot be read: No such file"):
        read_world(path)


def test_a_world_in_python_is_validated_by_the_simulator():
    """Duplicates and references are checked as in a file, and the place replaces the line."""
    world = World((Organisation(1, "O"),), (Account("a", "x"), Account("a", "y")), (Profile(1, "P"),))

    with pytest.raises(WorldError, match=r"accounts\[1\].login: login 'a' is there twice"):
        Simulator(world)


def test_the_text_of_a_world_has_no_secrets():
    """A traceback may print it."""
    assert "Example-password-1" not in repr(example_world())
    assert "example-client-secret" not in repr(example_world())
