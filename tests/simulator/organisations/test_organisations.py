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


def test_a_department_can_be_listed_at_the_top_level(scm: Scm):
    """It is not documented at which level SCM lists a department, so a client must search both."""
    scm.dials.organisation_list = "top-level"

    assert scm.get("/organization/v1").json() == [OURS]
    assert scm.get("/organization/v1", by="rao").json()[0]["id"] == 2000


def test_certificate_types_are_listed_only_by_dial(scm: Scm):
    """Old releases listed them, so a client must not need them."""
    assert "certTypes" not in scm.get("/organization/v1").json()[0]
    scm.dials.organisation_cert_types = True
    assert scm.get("/organization/v1").json()[0]["departments"][0]["certTypes"] == ["SSL"]


@pytest.mark.parametrize(("spelling", "other"), [("managedBy", "managed-by"), ("managed-by", "managedBy")])
def test_the_departments_of_an_officer_have_two_paths(scm: Scm, spelling: Any, other: str):
    """REST documentation and OpenAPI file differ, so a client must try both spellings."""
    assert scm.get(f"/organization/v1/{spelling}/DRAO_SSL").json() == [OURS]
    scm.dials.managed_by = spelling
    assert scm.get(f"/organization/v1/{spelling}/DRAO_SSL").json() == [OURS]
    assert scm.get(f"/organization/v1/{other}/DRAO_SSL").status_code == 404


def test_each_role_has_its_own_list(scm: Scm):
    """An officer of a department manages no organisation."""
    assert scm.get("/organization/v1/managedBy/RAO_SSL").json() == []
    assert scm.get("/organization/v1/managedBy/RAO_SSL", by="rao").json()[0]["id"] == 2000
    assert scm.get("/organization/v1/managedBy/MRAO", by="mrao").json()[0]["id"] == 2000
    assert refusal(scm.get("/organization/v1/managedBy/KING")) == (400, -1601)


def test_reports_have_their_own_list_of_organisations(scm: Scm):
    """The simulator has SSL certificates only."""
    assert scm.get("/organization/v1/report-type/SSL").json()[0]["id"] == 2000
    assert scm.get("/organization/v1/report-type/Device").json() == []
    assert refusal(scm.get("/organization/v1/report-type/Other")) == (400, -1601)


def test_the_details_show_whether_the_api_is_enabled(scm: Scm):
    """A client can report a disabled API before SCM refuses an order."""
    assert scm.get("/organization/v1/2001", by="rao").json()["sslCertsApiEnabled"] is True
    assert scm.get("/organization/v1/2003", by="rao").json()["sslCertsApiEnabled"] is False
    scm.dials.web_api = False
    assert scm.get("/organization/v1/2001", by="rao").json()["sslCertsApiEnabled"] is False


def test_details_name_the_parent_and_hide_foreign_departments(scm: Scm):
    """An officer manages its department, not the organisation above."""
    assert scm.get("/organization/v1/2001").json().items() >= {**OURS, "parentId": 2000}.items()
    assert refusal(scm.get("/organization/v1/2002")) == (404, -1023)
    assert refusal(scm.get("/organization/v1/2000")) == (404, -1023)
    assert len(scm.get("/organization/v1/2000", by="rao").json()["departments"]) == 3


@pytest.mark.parametrize("status", ["VALIDATED", "EXPIRED"])
def test_the_validation_of_the_organisation_is_listed(scm: Scm, status: Any):
    """When it expires, SCM issues nothing."""
    scm.dials.organisation_validation = status

    [validation] = scm.get("/organization/v2/2001/validations").json()

    assert (validation["status"], validation["validationLevel"]) == (status, "OV_SSL")
    assert ("expires" in validation) == (status == "VALIDATED")
    assert scm.get(f"/organization/v2/2001/validations/{validation['id']}").json() == validation
    assert scm.get("/organization/v2/2001/validations/7").status_code == 404
