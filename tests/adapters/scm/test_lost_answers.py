"""Orders whose answer was lost: a wrong AnswerLost costs one search, the opposite error a second order."""

from __future__ import annotations

import httpx
import pytest

from renewal.domain.errors import AnswerLost, ScmUnavailable
from tests.adapters.scm.stage import ENVOY, HTML, ORDER, Wire, client, json_answer, refusal

TEMPORARY = [-1, -2, -14, -65, -129, -140, -195, -196, -109, -1400, 0, -183, -43, -3115]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(httpx.ReadTimeout("slow"), id="read time-out"),
        pytest.param(httpx.ReadError("reset"), id="reset"),
        pytest.param(httpx.RemoteProtocolError("Server disconnected without sending a response."), id="disconnected"),
        pytest.param(httpx.WriteError("broken pipe"), id="broken while sending"),
        pytest.param(httpx.WriteTimeout("slow"), id="slow while sending"),
        pytest.param(httpx.DecodingError("gzip"), id="garbled"),
        pytest.param(HTML, id="502 in HTML"),
        pytest.param(ENVOY, id="503 in text"),
        pytest.param(httpx.Response(500, json={"code": -1010, "description": "no"}), id="500 with a refusal"),
        pytest.param(httpx.Response(429), id="429"),
        *(
            pytest.param(httpx.Response(status, text="<title>Proxy</title>"), id=f"{status} in HTML")
            for status in (400, 401, 403, 404, 413)
        ),
        pytest.param(httpx.Response(400), id="400 and nothing"),
        pytest.param(httpx.Response(403, json={"message": "Forbidden"}), id="403 in another form"),
        pytest.param(httpx.Response(302, headers={"Location": "https://scm.test/login"}), id="redirect"),
        pytest.param(httpx.Response(200), id="200 and nothing"),
        pytest.param(httpx.Response(204), id="204"),
        pytest.param(httpx.Response(200, text="<html>maintenance</html>"), id="200 in HTML"),
        pytest.param(httpx.Response(200, text='{"sslId": 5'), id="half a body"),
        pytest.param(json_answer({}), id="no sslId"),
        pytest.param(json_answer({"sslId": None}), id="null sslId"),
        pytest.param(json_answer({"sslId": True}), id="true for an sslId"),
        pytest.param(json_answer([{"sslId": 55}]), id="a list"),
        pytest.param(json_answer({"code": -2, "description": "no"}), id="200 with an error"),
        *(pytest.param(refusal(code), id=str(code)) for code in TEMPORARY),
    ],
)
def test_an_order_without_a_clear_answer_may_exist_and_is_sent_once(answer):
    """Whatever went wrong after the request may have left: no second POST before SCM was searched."""
    wire = Wire(answer)

    with pytest.raises(AnswerLost):
        client(wire).enroll(ORDER)

    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("[Errno 111] Connection refused"),
        httpx.ConnectTimeout(""),
        httpx.PoolTimeout(""),
        httpx.ProxyError(""),
    ],
)
def test_an_order_that_never_left_does_not_exist(failure):
    """Nothing was sent: no search is needed before the next try. The operator reads what the network reported."""
    wire = Wire(failure)

    with pytest.raises(ScmUnavailable) as caught:
        client(wire).enroll(ORDER)

    assert type(caught.value) is ScmUnavailable
    assert str(failure) in str(caught.value)
    assert len(wire.requests) == 1
