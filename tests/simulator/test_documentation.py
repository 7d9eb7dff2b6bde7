"""docs/simulator.md tells the truth."""

import re
from dataclasses import fields
from pathlib import Path

from scm_simulator import Dials, Fault, Simulator
from scm_simulator.dial_options import describe_dial
from scm_simulator.world.world_file import read_world

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")


def test_the_page_begins_with_warning_goals_and_limitations():
    """Before anybody installs anything."""
    headings = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)

    assert headings[:3] == ["Warning", "Goals", "Limitations"]


def test_every_dial_has_its_row_with_default_and_mistake():
    """And no row is of a dial that is gone."""
    rows = {f"| `{one.name}` | {' | '.join(describe_dial(one.name))} |" for one in fields(Dials)}
    table = PAGE.split("## Dials")[1].split("### Faults")[0]

    assert rows == {line for line in table.splitlines() if line.startswith("| `")}


def test_every_field_of_a_fault_has_its_row():
    """Each is a member in the world file."""
    table = PAGE.split("### Faults")[1].split("## ")[0]

    assert {one.name for one in fields(Fault)} <= set(re.findall(r"`(\w+)`", table))


def test_the_world_on_the_page_can_be_loaded_and_played(tmp_path: Path):
    """An example that does not work is worse than none."""
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "world.yaml"
    path.write_text(text)

    simulator = Simulator(read_world(path))

    assert [order.status for order in simulator.orders] == ["Issued", "Revoked"]
    assert len(simulator.dials.faults) == 2


def test_every_control_is_named():
    """Whoever writes a test finds them there."""
    public = {name for name in vars(Simulator) if not name.startswith("_")}

    assert all(f"`{name}" in PAGE for name in public)
