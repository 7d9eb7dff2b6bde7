"""docs/simulator.md is true."""

import re
from dataclasses import fields
from pathlib import Path

from scm_simulator import Dials, Fault, Simulator
from scm_simulator.dial_options import describe_dial
from scm_simulator.world.world_file import read_world

PAGE = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")


def test_the_table_has_every_dial_with_default_and_mistake():
    """It has no row of a dial that was deleted."""
    rows = {f"| `{field.name}` | {' | '.join(describe_dial(field.name))} |" for field in fields(Dials)}
    table = PAGE.split("## Dials")[1].split("### Faults")[0]

    assert rows == {line for line in table.splitlines() if line.startswith("| `")}


def test_the_table_has_every_field_of_a_fault():
    """Each is a member in the world file."""
    table = PAGE.split("### Faults")[1].split("## ")[0]

    assert {field.name for field in fields(Fault)} <= set(re.findall(r"`(\w+)`", table))


def test_the_world_on_the_page_is_valid(tmp_path: Path):
    """A reader copies the example."""
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "world.yaml"
    path.write_text(text)

    simulator = Simulator(read_world(path))

    assert [order.status for order in simulator.orders] == ["Issued", "Revoked"]
    assert len(simulator.dials.faults) == 2


def test_the_page_names_every_control():
    """The author of a test finds the controls there."""
    public = {name for name in vars(Simulator) if not name.startswith("_")}

    assert all(f"`{name}" in PAGE for name in public)
