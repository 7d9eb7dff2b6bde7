"""The views that `test_agreement.py` compares, for the healthy example, a plan that refuses, and random estates."""

from __future__ import annotations

from pathlib import Path

import pytest

from renewal.domain.limits import SMALL_ESTATE
from tests.certmandate.desk import PAST
from tests.workflow.after_run import after_a_run
from tests.workflow.conftest import write_estate
from tests.workflow.random_estates import write_random_estate
from tests.workflow.views import VIEWS

CAMPUS = Path(__file__).resolve().parents[2] / "examples" / "campus"
SEEDS = (3, *range(10, 15))


def disagreements(folder: Path, *command: str) -> dict[str, object]:
    """What the run reported and what a view has, by view; *command*: what the operator has run before."""
    with after_a_run(folder, *command) as after:
        compared = {name: view(after) for name, view in VIEWS.items()}
    return {name: pair for name, pair in compared.items() if pair[0] != pair[1]}


def test_every_view_of_the_healthy_example_agrees() -> None:
    """N2, where nothing needs attention."""
    assert disagreements(CAMPUS) == {}


def test_every_view_agrees_on_what_the_plan_has_refused(tmp_path: Path) -> None:
    """More are due by age than is plausible: the run's rows had *failing*, and `status` had *blocked*."""
    names = [f"c{number}" for number in range(SMALL_ESTATE + 1)]
    past = "".join(PAST.format(name=name, age=160) for name in names)

    assert disagreements(write_estate(tmp_path / "estate", *names, scm=f"certificates:\n{past}")) == {}


@pytest.mark.parametrize("code", ["keyCompromise", "superseded"])
def test_every_view_agrees_on_a_requested_revocation(tmp_path: Path, code: str) -> None:
    """N4: the RAO is asked at once, or the operator first ends the use of the certificate."""
    estate = write_estate(tmp_path / "estate", "idp", scm=f"certificates:\n{PAST.format(name='idp', age=20)}")

    assert disagreements(estate, "revoke", "univ/idp", "--reason-code", code, "--no-replacement", "--yes") == {}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_view_of_a_random_estate_agrees(tmp_path: Path, seed: int) -> None:
    """N2, for combinations that no example has."""
    assert disagreements(write_random_estate(tmp_path / "estate", seed)) == {}
