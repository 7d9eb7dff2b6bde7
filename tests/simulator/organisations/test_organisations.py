"""Organisations, departments and their validations (SCM reference §6)."""

from typing import Any

import pytest

from tests.simulator.driver import Scm, refusal

OURS = {"id": 2001, "parentName": "Example University", "name": "Ours"}


def test_the_list_shows_only_what_the_account_manages(scm: Scm):
    """Another department's names are none of an officer's business."""
    [of_the_officer] = scm.get("/organization/v1").json()
    [of_the_rao] = scm.get("/organization/v1", by="rao").json()

    assert of_the_officer["departments"] == [OURS]
    assert [department["id"] for department in of_the_rao["departments"]] == [2001, 2002, 2003]


def test_each_role_has_its_own_list(scm: Scm):
    """An officer of a department manages no organisation; documents spell the path in two ways."""
    for spelling in ("managedBy", "managed-by"):
        assert scm.get(f"/organization/v1/{spelling}/DRAO_SSL").json() == [OURS]
    assert scm.get("/organization/v1/managedBy/RAO_SSL").json() == []
    assert scm.get("/organization/v1/managedBy/RAO_SSL", by="rao").json()[0]["id"] == 2000
    assert scm.get("/organization/v1/managedBy/MRAO", by="mrao").json()[0]["id"] == 2000
    assert refusal(scm.get("/organization/v1/managedBy/KING")) == (400, -1601)


def test_details_name_the_parent(scm: Scm):
    """An officer manages its department, not the organisation above."""
    assert scm.get("/organization/v1/2001").json().items() >= {**OURS, "parentId": 2000}.items()
    assert len(scm.get("/organization/v1/2000", by="rao").json()["departments"]) == 3


@pytest.mark.parametrize("status", ["VALIDATED", "EXPIRED"])
def test_the_validation_of_the_organisation_is_listed(scm: Scm, status: Any):
    """When it expires, SCM issues nothing."""
    scm.dials.organisation_validation = status

    [validation] = scm.get("/organization/v2/2001/validations").json()

    assert (validation["status"], validation["validationLevel"]) == (status, "OV_SSL")
    assert ("expires" in validation) == (status == "VALIDATED")
