"""Organisations, departments and their validations (SCM reference §6)."""

from typing import Any

import httpx
import pytest

from scm_simulator import Simulator
from tests.simulator.material import ClientMaker, refusal

PARENT = "Example University"


def test_an_officer_sees_the_organisation_with_its_own_department_only(scm: httpx.Client):
    """Others' departments are left out."""
    [organisation] = scm.get("/organization/v1").json()

    assert organisation["id"] == 2000
    assert [one["id"] for one in organisation["departments"]] == [2001]


def test_or_the_department_alone_at_the_top_level(simulator: Simulator, scm: httpx.Client):
    """Which of the two is not documented: search both levels."""
    simulator.dials.organisation_list = "top-level"

    assert scm.get("/organization/v1").json() == [{"id": 2001, "parentName": PARENT, "name": "Ours"}]


def test_above_the_departments_all_are_seen(simulator: Simulator, connect: ClientMaker):
    """Whoever manages the organisation sees it in its place whatever the dial says."""
    simulator.dials.organisation_list = "top-level"

    [organisation] = connect("rao").get("/organization/v1").json()

    assert [one["id"] for one in organisation["departments"]] == [2001, 2002, 2003]


def test_old_releases_listed_certificate_types(simulator: Simulator, scm: httpx.Client):
    """A client that needs them there works with old releases only, and the other way round."""
    assert "certTypes" not in scm.get("/organization/v1").json()[0]
    simulator.dials.organisation_cert_types = True
    assert scm.get("/organization/v1").json()[0]["departments"][0]["certTypes"] == ["SSL"]


@pytest.mark.parametrize("spelling", ["managedBy", "managed-by"])
def test_the_departments_of_an_officer_are_listed_under_two_spellings(
    simulator: Simulator, scm: httpx.Client, spelling: Any
):
    """The REST documentation and the OpenAPI file differ: try one, fall back on the other."""
    other = {"managedBy": "managed-by", "managed-by": "managedBy"}[spelling]
    ours = [{"id": 2001, "name": "Ours", "parentName": PARENT}]

    assert scm.get(f"/organization/v1/{spelling}/DRAO_SSL").json() == ours
    simulator.dials.managed_by = spelling
    assert scm.get(f"/organization/v1/{spelling}/DRAO_SSL").json() == ours
    assert scm.get(f"/organization/v1/{other}/DRAO_SSL").status_code == 404


def test_each_role_has_its_own_list(scm: httpx.Client, connect: ClientMaker):
    """An officer of a department manages no organisation."""
    assert scm.get("/organization/v1/managedBy/RAO_SSL").json() == []
    assert connect("rao").get("/organization/v1/managedBy/RAO_SSL").json()[0]["id"] == 2000
    assert connect("mrao").get("/organization/v1/managedBy/MRAO").json()[0]["id"] == 2000
    assert refusal(scm.get("/organization/v1/managedBy/KING")) == (400, -1601)


def test_reports_have_their_own_list_of_organisations(scm: httpx.Client):
    """Everything here is about SSL."""
    assert scm.get("/organization/v1/report-type/SSL").json()[0]["id"] == 2000
    assert scm.get("/organization/v1/report-type/Device").json() == []
    assert refusal(scm.get("/organization/v1/report-type/Other")) == (400, -1601)


def test_the_details_tell_whether_the_api_is_switched_on(simulator: Simulator, connect: ClientMaker):
    """A client can say so before it is refused."""
    above = connect("rao")

    assert above.get("/organization/v1/2001").json()["sslCertsApiEnabled"] is True
    assert above.get("/organization/v1/2003").json()["sslCertsApiEnabled"] is False
    simulator.dials.web_api = False
    assert above.get("/organization/v1/2001").json()["sslCertsApiEnabled"] is False


def test_details_name_the_parent_and_hide_what_is_foreign(scm: httpx.Client, connect: ClientMaker):
    """An officer sees its department, not the organisation above."""
    shown = scm.get("/organization/v1/2001").json()

    assert (shown["name"], shown["parentId"], shown["parentName"]) == ("Ours", 2000, PARENT)
    assert refusal(scm.get("/organization/v1/2002")) == (404, -1023)
    assert refusal(scm.get("/organization/v1/2000")) == (404, -1023)
    assert scm.get("/organization/v1/nonsense").status_code == 404
    assert len(connect("rao").get("/organization/v1/2000").json()["departments"]) == 3


@pytest.mark.parametrize("status", ["VALIDATED", "EXPIRED"])
def test_the_validation_of_the_organisation_can_be_seen(simulator: Simulator, scm: httpx.Client, status: Any):
    """It lapses, and then nothing is issued."""
    simulator.dials.organisation_validation = status

    [one] = scm.get("/organization/v2/2001/validations").json()

    assert (one["status"], one["validationLevel"]) == (status, "OV_SSL")
    assert ("expires" in one) == (status == "VALIDATED")
    assert scm.get(f"/organization/v2/2001/validations/{one['id']}").json() == one
    assert scm.get("/organization/v2/2001/validations/7").status_code == 404
