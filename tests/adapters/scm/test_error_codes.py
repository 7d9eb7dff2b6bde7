from __future__ import annotations

import json
import re
from collections import Counter
from functools import partial

import httpx
import pytest

from renewal.adapters.scm.error_codes import CODES, known
from renewal.adapters.scm.request import Operation
from renewal.domain import errors
from tests.adapters.scm.stage import HTML, ORDER, PASSWORD, json_answer, refusal, scm
from tests.vendor_reference import REFERENCE, needs_reference

TWO_MEANINGS = {-9, -39, -62, -105, -159, -618}


def test_a_number_with_two_meanings_has_both():
    """What -159 means on collect has nothing to do with custom fields."""
    counted = Counter(code.number for code in CODES)

    assert {number for number, times in counted.items() if times > 1} == TWO_MEANINGS
    assert len({(code.number, code.operation) for code in CODES}) == len(CODES)


@needs_reference
def test_the_table_has_every_meaning_that_the_vendor_lists():
    """An operator cannot act on a code without an entry; the lists are the vendor's own and the reference's."""
    ours = Counter(code.number for code in CODES)
    vendor = json.loads((REFERENCE / "scm-vendor-examples" / "error-codes.json").read_text("utf-8"))
    appendix = (REFERENCE / "scm-rest-api.md").read_text("utf-8").split("## Appendix A")[1].split("## Appendix B")[0]

    assert Counter(entry["code"] for entry in vendor["codes"]) <= ours
    assert Counter(int(number) for number in re.findall(r"^\| (-?\d+) \|", appendix, re.MULTILINE)) <= ours


def test_every_code_has_a_meaning_in_words():
    """It replaces a description that SCM left out."""
    assert all(code.meaning for code in CODES)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (-3, errors.PermissionMissing),
        (-226, errors.PermissionMissing),
        (-1021, errors.PermissionMissing),
        (-1010, errors.NameNotDelegated),
        (-107, errors.DcvLapsed),
        (-737, errors.DcvLapsed),
        (-1137, errors.DcvLapsed),
        (-843, errors.OrganisationNotValidated),
        (-39, errors.ProfileRefused),
        (-111, errors.ProfileRefused),
        (-36, errors.TermRefused),
        (-170, errors.KeyRefused),
        (-141, errors.KeyRefused),
        (-9, errors.RequestRefused),
        (-62, errors.FieldRefused),
        (-135, errors.FieldRefused),
        (-139, errors.FieldRefused),
        (-1002, errors.RequestRefused),
        (-16, errors.CredentialRefused),
        (-970, errors.CredentialRefused),
        (-429, errors.ScmRefused),
        (-4711, errors.ScmRefused),
        (4711, errors.ScmRefused),
    ],
)
def test_a_refused_order_is_named_after_who_must_act(code, error):
    """The name is what the page, the report and the runbook go by."""
    with pytest.raises(error) as caught:
        scm(refusal(code)).enroll(ORDER)

    assert type(caught.value) is error


@pytest.mark.parametrize("code", [0, -183, -1400, -109, -103, "0", "-183", -183.0])
def test_the_pending_codes_are_pending_on_collect(code):
    """Five codes, a zero among them, numbers or text: not issued yet (SCM reference §5.10)."""
    with pytest.raises(errors.OrderPending):
        scm(refusal(code)).collect(7)


def test_404_elsewhere_is_no_unknown_order():
    """A wrong base URL must not be reported as a lost order."""
    with pytest.raises(errors.ScmRefused):
        scm(httpx.Response(404)).profiles(2001)


@pytest.mark.parametrize("code", [0, -183, -1400, -109, -103])
def test_a_pending_code_elsewhere_is_not_an_order_that_is_pending(code):
    """The state machine waits for hours on OrderPending; details that cannot be read deserve minutes."""
    with pytest.raises(errors.ScmUnavailable):
        scm(refusal(code)).details(7)


@pytest.mark.parametrize("code", [-110, -192, -159])
def test_a_revoked_certificate_is_not_pending(code):
    """It will never be collected."""
    with pytest.raises(errors.OrderRevoked):
        scm(refusal(code)).collect(7)


@pytest.mark.parametrize("answer", [refusal(-169), refusal(-5101), refusal(-124), refusal(-618), HTML])
def test_an_order_that_scm_does_not_have_is_unknown(answer):
    """404 is the documented answer, with or without a body; some releases send a code."""
    answer = httpx.Response(404) if answer is HTML else answer

    with pytest.raises(errors.OrderUnknown):
        scm(answer).collect(7)


@pytest.mark.parametrize(
    "kind", [kind for kind in errors.every_error() if kind.ends_order and kind is not errors.OrderRevoked]
)
def test_no_code_ends_an_order_that_exists(kind):
    """What ends an order erases its key, and a certificate without its key is lost."""
    for code in (code.number for code in CODES if code.error is kind):
        client = scm(refusal(code))
        for ask in (client.collect, client.details, partial(client.mark_renewed, renewed_by=7)):
            with pytest.raises(errors.RenewalError) as caught:
                ask(6)

            assert not caught.value.ends_order, f"{code} ends an order"


def test_the_old_order_being_revoked_does_not_end_the_new_one():
    """mark_renewed speaks of the certificate that was replaced."""
    with pytest.raises(errors.ScmRefused):
        scm(refusal(-110)).mark_renewed(6, 7)


@pytest.mark.parametrize(
    ("number", "operation", "error"),
    [
        (-9, Operation.ENROLL, errors.RequestRefused),
        (-9, Operation.PROFILES, errors.ScmRefused),
        (-159, Operation.COLLECT, errors.OrderRevoked),
        (-159, Operation.ENROLL, errors.ScmRefused),
        (-618, Operation.COLLECT, errors.OrderUnknown),
        (-618, Operation.PROFILES, errors.ScmUnavailable),
    ],
)
def test_the_meaning_of_a_code_depends_on_the_operation(number, operation, error):
    """-9 is a broken CSR only in answer to an order."""
    code = known(number, operation)

    assert code is not None
    assert code.error is error


def test_no_number_and_an_unknown_one_mean_nothing():
    """The HTTP status is all there is."""
    assert known(None, Operation.COLLECT) is None
    assert known(-4711, Operation.COLLECT) is None


@pytest.mark.parametrize("code", [None, 0, -1010, -3, -9999])
def test_401_is_a_refused_credential_whatever_the_code(code):
    """A pending code beside a 401 must not be polled: every try counts towards the lock-out."""
    with pytest.raises(errors.CredentialRefused):
        scm(refusal(code, status=401)).collect(7)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"code": -16}', b'{"code": -4711}'])
def test_403_is_the_address(body):
    """SCM documents no 403; the access list is what would send one."""
    with pytest.raises(errors.AddressRefused):
        scm(httpx.Response(403, content=body)).profiles(2001)


def test_403_with_another_known_code_is_the_error_of_that_code():
    """A missing privilege is not cured by another address."""
    with pytest.raises(errors.PermissionMissing):
        scm(refusal(-37, status=403)).profiles(2001)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 302])
def test_an_answer_from_something_in_between_is_an_outage(status):
    """Gateways answer in plain text, HTML or nothing; waiting helps."""
    with pytest.raises(errors.ScmUnavailable):
        scm(httpx.Response(status, text="upstream connect error")).profiles(2001)


def test_an_unknown_code_is_retried_only_with_a_5xx():
    """An unknown 4xx is a refusal; an unknown 5xx may be temporary."""
    with pytest.raises(errors.ScmRefused):
        scm(refusal(-4711, status=400)).profiles(2001)
    with pytest.raises(errors.ScmUnavailable):
        scm(refusal(-4711, status=500)).profiles(2001)


def test_the_sentence_has_operation_code_description_and_status():
    """The operator reads this text first."""
    with pytest.raises(errors.NameNotDelegated) as caught:
        scm(refusal(-1010, "Domain 'idp.univ.example' is not allowed.")).enroll(ORDER)

    assert str(caught.value) == (
        "SCM refused to enroll: code -1010, 'Domain 'idp.univ.example' is not allowed.' (HTTP 400)"
    )


def test_a_code_without_description_is_explained_from_the_table():
    """Some answers hold the number only."""
    with pytest.raises(errors.DcvLapsed, match="domain control validation is incomplete or expired"):
        scm(httpx.Response(400, json={"code": -107})).enroll(ORDER)


# ---- Fault N10: who answered -------------------------------------------------------------------------------------

FIREWALL = httpx.Response(403, text="<html><TITLE>Access blocked &mdash; Web gateway</TITLE><p>Call the IT desk")
NOT_SCM = "was not answered by SCM's API but by"


def test_a_page_after_a_good_answer_is_not_the_access_list():
    """A firewall's page sent the RAO to the access list, seconds after ten good calls."""
    first, then = scm(FIREWALL), scm(json_answer([]), FIREWALL)
    then.profiles(2001)

    with pytest.raises(errors.AddressRefused, match=f"{NOT_SCM} 'Access blocked — Web gateway'"):
        first.profiles(2001)
    with pytest.raises(errors.ScmUnavailable, match="not the access list, because SCM has answered this login before"):
        then.profiles(2001)


def test_a_page_in_answer_to_an_order_leaves_open_what_scm_has():
    """An inspection has logged in from the same address; whether the order reached SCM, a search finds out."""
    with pytest.raises(errors.AnswerLost, match="Access blocked"):
        scm(FIREWALL).enroll(ORDER)


def test_a_page_does_not_prove_that_scm_has_no_such_order():
    """The operator is advised to close an order that SCM does not know, and its key is deleted."""
    with pytest.raises(errors.ScmUnavailable, match=f"{NOT_SCM} 'Not found"):
        scm(httpx.Response(404, text="<title>Not found</title>")).collect(55)
    with pytest.raises(errors.OrderUnknown):
        scm(httpx.Response(404)).collect(55)


@pytest.mark.parametrize(
    ("answer", "quoted"),
    [
        (httpx.Response(301, headers={"Location": "https://x.example/a?p=1"}), "a redirect to https://x.example/a'"),
        (httpx.Response(503, text="<title>\nUntil 06:00 UTC\x1b[2J</title><p>…"), "Until 06:00 UTC[2J"),
        (httpx.Response(503, text="upstream connect error"), "upstream connect error"),
        (httpx.Response(503, text=f"<p>{PASSWORD}</p>{'x ' * 500}"), "[removed] x x")
    ],
)  # fmt: skip
def test_what_came_in_place_of_scms_answer_is_quoted(answer: httpx.Response, quoted: str):
    """The title of a maintenance page states when it ends; it is shortened, in one line and without secrets."""
    with pytest.raises(errors.ScmUnavailable) as raised:
        scm(answer).profiles(2001)

    assert f"{NOT_SCM} '{quoted}" in str(raised.value)
    assert PASSWORD not in str(raised.value)
    assert len(str(raised.value)) < 400
