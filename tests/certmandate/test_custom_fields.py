"""Custom fields and the external requester: what SCM requires of an order beyond its names."""

from __future__ import annotations

from tests.certmandate.conftest import Sit
from tests.certmandate.desk import Desk

REQUIRED = "dials: {issuance_polls: 0, external_requester_required: true, mandatory_custom_field: Cost centre}\n"
LINE = 'custom_fields: {"Cost centre": "…"}'


def write(desk: Desk, *lines: str) -> None:
    """Add *lines* to the top of the delegation file."""
    desk.rewrite("certificates:", "\n".join((*lines, "certificates:")))


def test_a_missing_mandatory_field_is_refused_before_an_order(sit: Sit):
    """The dry run was clean, and SCM refused every order with -62, which does not name the field."""
    desk = sit("idp", "www", scm=REQUIRED)

    checked = desk.run("check", "univ")
    renewed = desk.run("renew", "univ/idp", "--reason", "test", "--yes")
    (warning,) = desk.document("plan", desk.folder)["warnings"]

    output = " ".join(checked.stdout.split())
    assert "Cost centre (mandatory)" in output
    assert "be refused: FieldRefused" in output
    assert (checked.exit_code, renewed.exit_code, desk.system.orders_posted()) == (1, 1, 0)
    for text in (output, warning):
        assert LINE in text
    assert warning.startswith("univ/idp and 1 more: on ")


def test_a_missing_external_requester_is_advised_after_the_refusal(sit: Sit):
    """No request shows that SCM requires it."""
    desk = sit("idp", scm=REQUIRED)
    write(desk, 'custom_fields: {Cost centre: "4711"}')
    desk.run("apply", desk.folder, "--yes")

    desk.run("renew", "univ/idp", "--reason", "test", "--yes")

    assert "Cost centre: 4711" in desk.run("show", "univ/idp").stdout
    assert desk.certificate("idp").last_error == "FieldRefused"
    assert "-139" in desk.certificate("idp").last_error_text
