from __future__ import annotations

from renewal.adapters.scm.connection import new_http_client
from tests.call_depth import DepthMeter, handled

from .conftest import SECRET, STEPS, Rotation


def test_six_functions_at_most_lead_from_a_rotation_to_http(rotation: Rotation) -> None:
    """Also where SCM's policy refuses the first password and another form is changed and proved."""
    rotation.policy(-7306, "Password policy violated.", takes=20)
    meter = DepthMeter(rotation.http._transport)
    rotation.http = new_http_client(transport=meter)
    step = rotation.step()

    for name in (*STEPS, *STEPS):
        handled("rotate_password", step, {"SecretId": SECRET, "ClientRequestToken": f"{name:-<32}", "Step": name})

    assert {request for request, _ in meter.stacks} == {
        "GET /api/admin/v1/password",
        "POST /api/admin/v1/changepassword",
    }
    assert meter.too_deep() == []
