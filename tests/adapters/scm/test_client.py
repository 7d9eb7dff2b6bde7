"""Single odd answers, one a test (SCM reference §12.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from renewal.adapters.scm.pages import MOST_PAGES
from renewal.adapters.scm.request import MOST_BYTES_TOGETHER
from renewal.domain import errors
from renewal.domain.order import EnrollRequest, OrderDetails
from renewal.domain.order_search import SearchedOrder, SearchResult
from tests.adapters.scm.stage import ENVOY, HTML, NOW, ORDER, Wire, client, json_answer, refusal, scm

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
OURS = "certmandate order t0ken for univ/idp"


# ---- Enroll --------------------------------------------------------------------------------------


def enrolled(order: EnrollRequest = ORDER) -> Any:
    """Return the body that *order* is sent as."""
    wire = Wire(json_answer({"sslId": 55, "renewId": "gu03sW6WENt7GTvDTuOP"}))
    assert client(wire).enroll(order) == 55
    assert (wire.requests[0].method, wire.requests[0].url.path) == ("POST", "/api/ssl/v1/enroll")
    return json.loads(wire.requests[0].content)


def test_an_order_sends_exactly_the_documented_fields():
    """Legacy fields are ignored at best; numbers must be numbers."""
    assert enrolled() == {
        "orgId": 2001,
        "csr": "a signing request",
        "certType": 3001,
        "term": 90,
        "subjAltNames": "www.idp.univ.example",
        "comments": "certmandate order t0ken for univ/idp",
    }


LONG = f"{'a' * 60}.univ.example"


@pytest.mark.parametrize(
    ("names", "alternatives"),
    [
        (["idp.univ.example"], ""),
        (["univ.example", "*.univ.example", "xn--tud-bma.univ.example"], "*.univ.example,xn--tud-bma.univ.example"),
        ([LONG], LONG),
        ([LONG, "univ.example"], LONG),
    ],
)
def test_all_names_but_the_common_name_are_one_text_with_commas(names, alternatives):
    """SCM refuses a JSON list (-1002, SCM reference §5.4), and for one name the common name a second time."""
    assert enrolled(replace(ORDER, names=tuple(names)))["subjAltNames"] == alternatives


@pytest.mark.parametrize("answer", [{"sslId": "55"}, {"sslId": 55.0}, {"renewId": "x", "sslId": 55, "new": []}])
def test_an_order_number_is_read_however_it_is_written(answer):
    """Numbers as text and unknown members both occur."""
    assert scm(json_answer(answer)).enroll(ORDER) == 55


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_success_is_a_success(status):
    """Sources differ about which (SCM reference §3.1)."""
    assert scm(httpx.Response(status, json={"sslId": 55})).enroll(ORDER) == 55


# ---- Collect -------------------------------------------------------------------------------------


def test_a_certificate_is_asked_for_by_the_documented_form():
    """The path form is undocumented since 2020."""
    wire = Wire(httpx.Response(200, text=CERTIFICATE))

    assert client(wire).collect(55) == CERTIFICATE
    assert str(wire.requests[0].url) == "https://scm.test/api/ssl/v1/collect/55?format=x509"


@pytest.mark.parametrize("answer", [httpx.Response(200), httpx.Response(204), httpx.Response(200, text=" \r\n")])
def test_an_empty_answer_is_pending(answer):
    """Two clients of others saw it (SCM reference §5.10)."""
    with pytest.raises(errors.OrderPending):
        scm(answer).collect(55)


PAGES = ["<html>maintenance</html>", CERTIFICATE + CERTIFICATE[:40], '{"code": 0}', "-----BEGIN PKCS7-----"]


@pytest.mark.parametrize("answer", [HTML, ENVOY, *(httpx.Response(200, text=page) for page in PAGES)])
def test_half_a_certificate_and_a_page_are_an_outage(answer):
    """An outage is retried within minutes, a pending order within hours; ChainBroken would raise an alarm."""
    with pytest.raises(errors.ScmUnavailable):
        scm(answer).collect(55)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"Bad Request", b"{}", b"[]", b'"x"', b'{"code": null}', b'{"co', b"[" * 99999]
)
def test_a_refusal_without_a_code_is_a_refusal(body):
    """Not JSON, no code, half a body: a 400 is still a no, and not a crash."""
    with pytest.raises(errors.ScmRefused, match="HTTP 400"):
        scm(httpx.Response(400, content=body)).collect(55)


# ---- Details -------------------------------------------------------------------------------------


def test_details_are_read_by_content():
    """Pretty-printed, under the wrong media type, with unknown members; ISO dates are asked for."""
    body = {
        "id": 55,
        "status": "SA Approved",
        "comments": OURS,
        "serialNumber": "00:AB:cd",
        "new": {"member": []},
    }
    wire = Wire(httpx.Response(200, headers={"Content-Type": "text/html"}, text=json.dumps(body, indent=2)))

    assert client(wire).details(55) == OrderDetails(55, "SAAPPROVED", OURS, "ABCD")
    assert str(wire.requests[0].url) == "https://scm.test/api/ssl/v1/55?dateFormat=ISO"


@pytest.mark.parametrize("extra", [{}, {"comments": None, "serialNumber": None}, {"comments": "", "serialNumber": ""}])
def test_absent_null_and_empty_are_the_same(extra):
    """All three occur for the same field before issuance."""
    assert scm(json_answer({"status": "Requested", **extra})).details(55) == OrderDetails(55, "REQUESTED", "", "")


@pytest.mark.parametrize("body", ["", "<html>", '{"status": "Iss', "[]", "{}", '{"status": null}'])
def test_details_without_a_status_are_an_outage(body):
    """Half an answer must not be taken for an unknown status."""
    with pytest.raises(errors.ScmUnavailable):
        scm(httpx.Response(200, text=body)).details(55)


# ---- Profiles ------------------------------------------------------------------------------------


def test_profiles_are_read_in_both_generations():
    """2018 answers had no key types; numbers may be text, and a row without a number is none of ours."""
    rows = [
        {
            "id": 1018,
            "name": "OV",
            "terms": [365, "90"],
            "keyTypes": {"RSA": ["2048", 4096], "EC": ["P-256"]},
        },
        {"id": "1019", "name": None, "terms": None, "keyTypes": None},
        {"name": "no number"},
    ]
    wire = Wire(json_answer(rows))

    new, old = client(wire).profiles(2001)

    assert (new.profile_id, new.name, new.terms) == (1018, "OV", (90, 365))
    assert new.key_types == {"RSA": ("2048", "4096"), "EC": ("P-256",)}
    assert (old.profile_id, old.name, old.terms, old.key_types) == (1019, "", (), {})
    assert str(wire.requests[0].url) == "https://scm.test/api/ssl/v1/types?organizationId=2001"


@pytest.mark.parametrize("untold", [None, {}, {"RSA": None}, {"RSA": []}, ["RSA"]])
def test_missing_key_types_exclude_no_key(untold):
    """Only what a profile lists may refuse a key before an order is spent."""
    (profile,) = scm(json_answer([{"id": 1018, "terms": [90], "keyTypes": untold}])).profiles(2001)

    assert profile.key_types == {}


@pytest.mark.parametrize("body", ["", "<html>", "[{", "{}", '["x"]'])
def test_a_list_that_is_none_is_an_outage(body):
    """No profiles at all would blame the delegation file."""
    with pytest.raises(errors.ScmUnavailable):
        scm(httpx.Response(200, text=body)).profiles(2001)


# ---- Password state ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "state", "expires"),
    [
        ({"expirationDate": "2025-08-21", "state": "ALIVE"}, "ALIVE", date(2025, 8, 21)),
        ({"expirationDate": None, "state": "Never expire"}, "NEVEREXPIRE", None),
        ({"state": "EXPIRED"}, "EXPIRED", None),
    ],
)
def test_the_password_state_is_read(body, state, expires):
    """Labels and constants, with and without a date."""
    found = scm(json_answer(body)).password_state()

    assert found is not None
    assert (found.state, found.expires) == (state, expires)


def test_a_password_state_without_a_state_is_an_outage():
    """It must not pass for a password that lives for ever."""
    with pytest.raises(errors.ScmUnavailable):
        scm(json_answer({"expirationDate": "2025-08-21"})).password_state()


# ---- Report --------------------------------------------------------------------------------------


def test_the_report_is_asked_for_in_one_request():
    """An empty option set fails for some (SCM reference §10.1), so the status is always sent."""
    wire = Wire(json_answer({"statusCode": 0, "reports": []}))

    assert client(wire).reported_certificates(2001) == ()
    assert wire.requests[0].url.path == "/api/report/v1/ssl-certificates"
    assert json.loads(wire.requests[0].content) == {"organizationIds": [2001], "certificateStatus": 0}


def test_a_reported_certificate_is_read():
    """As the vendor's example writes it."""
    row = {
        "id": 7,
        "commonName": "IDP.univ.example",
        "subjAltNames": "idp.univ.example; www.idp.univ.example",
        "status": "Issued",
        "comments": "by hand",
        "serialNumber": "0A:BC",
        "issued": "2025-05-21T12:34:24.371Z",
        "expires": "2019-01-02T00:00:00.000+02:00",
    }

    (found,) = scm(
        json_answer({"statusCode": "0", "reports": [row, {"commonName": "no number"}]})
    ).reported_certificates(2001)

    assert found.ssl_id == 7
    assert found.common_name == "idp.univ.example"
    assert found.names == ("idp.univ.example", "www.idp.univ.example")
    assert (found.status, found.comment, found.serial) == ("ISSUED", "by hand", "ABC")
    assert found.issued == datetime(2025, 5, 21, 12, 34, 24, 371000, tzinfo=UTC)
    assert found.expires == datetime(2019, 1, 1, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "www.univ.example; api.univ.example",
        "www.univ.example,api.univ.example",
        "dNSName=www.univ.example, dNSName=api.univ.example",
        "univ.example; www.univ.example; api.univ.example;",
        ["www.univ.example", "api.univ.example"],
    ],
)
def test_names_in_reports_are_read_in_every_spelling(written):
    """The common name is among them in some releases and not in others."""
    report = {"statusCode": 0, "reports": [{"id": 7, "commonName": "univ.example", "subjAltNames": written}]}

    (found,) = scm(json_answer(report)).reported_certificates(2001)

    assert found.names == ("univ.example", "www.univ.example", "api.univ.example")


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_report_of_an_order_that_is_not_issued_has_holes(nothing):
    """No serial, no dates, perhaps no names."""
    row = dict.fromkeys(("commonName", "subjAltNames", "serialNumber", "issued", "expires", "comments"), nothing)

    (found,) = scm(
        json_answer({"statusCode": 0, "reports": [{"id": 7, "status": "Requested", **row}]})
    ).reported_certificates(1)

    assert (found.names, found.serial, found.issued, found.expires) == ((), "", None, None)


@pytest.mark.parametrize(
    ("code", "error"), [(1, errors.ScmRefused), (-37, errors.PermissionMissing), (-2, errors.ScmUnavailable)]
)
def test_a_report_that_failed_within_a_200_is_a_failure(code, error):
    """An empty report would mean that nothing is revoked."""
    with pytest.raises(error, match="no rights"):
        scm(json_answer({"statusCode": code, "message": "no rights", "reports": []})).reported_certificates(2001)


@pytest.mark.parametrize("body", ["", "<html>", '{"statusCode": 0, "rep', "[]", "{}", '{"statusCode": "x"}'])
def test_half_a_report_is_a_failure(body):
    """It must not pass for a department without certificates."""
    with pytest.raises(errors.RenewalError):
        scm(httpx.Response(200, text=body)).reported_certificates(2001)


@pytest.mark.parametrize("body", [{"statusCode": 0}, {"statusCode": 0, "reports": None}])
def test_a_report_of_nothing_may_leave_the_rows_out(body):
    """Absent, null and empty are one and the same to SCM."""
    assert scm(json_answer(body)).reported_certificates(2001) == ()


# ---- Renewed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [httpx.Response(204), httpx.Response(200), json_answer({"id": 54})])
def test_the_old_certificate_is_linked_to_the_new_one(answer):
    """204 without a body is documented; any success will do."""
    wire = Wire(answer)

    client(wire).mark_renewed(54, 55)

    assert (wire.requests[0].method, wire.requests[0].url.path) == ("POST", "/api/ssl/v1/renew/manual/54")
    assert json.loads(wire.requests[0].content) == {"id": 55}


# ---- Find ----------------------------------------------------------------------------------------


REPORT = "/api/report/v1/ssl-certificates"


class Listing:
    """SCM's listing and details of some orders; `{ssl_id: (common name, comment)}`."""

    def __init__(
        self,
        orders: Mapping[int, tuple[str | None, str | None]],
        *,
        total: bool = True,
        limit: int = 200,
        unknown: Sequence[int] = (),
    ) -> None:
        self.orders, self.total, self.limit, self.unknown = orders, total, limit, unknown
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer as SCM does."""
        self.requests.append(request)
        if request.url.path == "/api/ssl/v1":
            return self._page(request)
        if request.url.path == REPORT:
            return json_answer({"statusCode": 0, "reports": []})
        ssl_id = int(request.url.path.rsplit("/", 1)[1])
        if ssl_id in self.unknown:
            return httpx.Response(404)
        return json_answer({"id": ssl_id, "status": "Applied", "comments": self.orders[ssl_id][1]})

    def _page(self, request: httpx.Request) -> httpx.Response:
        start, size = int(request.url.params["position"]), int(request.url.params["size"])
        rows = [{"sslId": ssl_id, "commonName": name} for ssl_id, (name, _) in self.orders.items()]
        headers = {"X-Total-Count": str(len(rows))} if self.total else {}
        return httpx.Response(200, headers=headers, json=rows[start : start + min(size, self.limit)])

    def opened(self) -> list[int]:
        """Return the orders whose details were asked for."""
        paths = [request.url.path for request in self.requests]
        return [int(path.rsplit("/", 1)[1]) for path in paths if path not in {"/api/ssl/v1", REPORT}]


NAMES = ("idp.univ.example", "www.idp.univ.example")


def searched(names=NAMES):
    """Return what SCM is searched for."""
    return SearchedOrder("t0ken", names, 2001, NOW)


def find(listing: Listing, names=NAMES):
    """Search *listing* for the order with our token."""
    return client(listing).find(searched(names)).ssl_id


def test_an_order_is_found_by_its_token_newest_first():
    """The order whose answer was lost is the newest of its name, whatever SCM sorts by."""
    listing = Listing({3: (NAMES[0], "certmandate order other for univ/idp"), 9: (NAMES[0], OURS), 5: (NAMES[0], OURS)})

    assert find(listing) == 9
    assert listing.opened() == [9]
    assert dict(listing.requests[0].url.params) == {
        "commonName": "idp.univ.example",
        "orgId": "2001",
        "size": "200",
        "position": "0",
    }


def test_former_orders_of_the_audit_trail_are_not_read():
    """45 of them took longer than enroll has: the order was never searched to its end, nor ordered again."""
    former = dict.fromkeys(range(1, 61), (NAMES[0], None))
    order = replace(searched(), others=frozenset(former))
    without, with_ours = Listing(former), Listing({**former, 61: (NAMES[0], None), 62: (NAMES[0], OURS)})

    assert client(without).find(order) == SearchResult()
    assert without.opened() == []
    assert client(with_ours).find(order).ssl_id == 62
    assert with_ours.opened() == [62]


def test_a_control_that_needs_no_comment_ends_with_the_list():
    """Comments were shown before; each renewal controls the lists, with one request."""
    listing = Listing({3: (NAMES[0], None), 9: (NAMES[0], None)})

    assert client(listing).find(replace(searched(), listed_id=3)).ssl_id == 3
    assert (listing.opened(), len(listing.requests)) == ([], 1)


@pytest.mark.parametrize("comment", [None, "", "certmandate order t0ken2 for univ/idp", "certmandate order xt0ken"])
def test_an_order_of_another_client_is_not_adopted(comment):
    """Only a comment with exactly this token is our order's."""
    assert find(Listing({3: (NAMES[0], comment)})) is None


@pytest.mark.parametrize("comment", ["t0ken", f"note: {OURS}", f"{OURS}\napproved", "Order T0KEN (univ/idp)"])
def test_the_token_is_found_anywhere_in_a_comment(comment):
    """An administrator may add to a comment, and SCM is not known to keep its case."""
    assert find(Listing({3: (NAMES[0], comment)})) == 3


def test_an_order_for_another_name_is_not_even_opened():
    """SCM's filter matches parts of names; a department may have hundreds below one domain."""
    listing = Listing({3: ("www2.idp.univ.example", OURS), 2: ("idp.univ.example.org", OURS)})

    assert find(listing) is None
    assert listing.opened() == []


@pytest.mark.parametrize("listed", [None, "", "IDP.univ.example", "idp.univ.example.", "www.idp.univ.example"])
def test_an_order_whose_common_name_is_in_doubt_is_opened(listed):
    """One detail call more is cheaper than a second order."""
    assert find(Listing({3: (listed, OURS)})) == 3


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("count", [199, 200, 201, 400, 401])
def test_every_page_is_read(total, count):
    """Our order may be on the last one; the total is not always sent, and full last pages occur."""
    orders = {number: (NAMES[0] if number == 1 else "other.univ.example", OURS) for number in range(count, 0, -1)}

    assert find(Listing(orders, total=total)) == 1


def test_pages_shorter_than_asked_for_are_not_the_last():
    """Where SCM serves less than 200 at a time, the total shows that there are more."""
    orders = {number: (NAMES[0], OURS if number == 1 else "") for number in range(7, 0, -1)}

    assert find(Listing(orders, limit=3)) == 1


def test_a_report_that_is_too_large_does_not_stop_the_search():
    """A department with thousands of certificates: an order whose answer was lost would wait for ever."""
    large = httpx.Response(200, content=b'{"statusCode":0,"reports":["' + b"x" * 6_000_000 + b'"]}')

    assert client(Wire(json_answer([]), large)).find(searched()) == SearchResult()


def test_a_list_that_is_too_large_ends_the_search():
    """It may have the order."""
    large = httpx.Response(200, content=b'["' + b"x" * 3_000_000 + b'"]')

    with pytest.raises(errors.ScmUnavailable, match="AnswerTooLarge"):
        client(Wire(large)).find(searched())


def test_a_listing_that_ignores_the_position_is_incomplete():
    """One page for ever ends after its repetition; what may follow it is not known, so nothing is ordered again."""
    page = [{"sslId": number, "commonName": "other.univ.example"} for number in range(200)]
    wire = Wire(json_answer(page))

    with pytest.raises(errors.ScmUnavailable, match="further page"):
        client(wire).find(searched())
    assert len(wire.requests) == 2


@pytest.mark.parametrize("total", ["200", None])
def test_a_repeated_page_is_no_reason_to_ask_for_ever(total: str | None):
    """528 logged-in requests in 25 s for the list of validations; without it the domains are still shown."""
    domains = httpx.Response(200, json=[{"id": 1, "name": NAMES[0]}])
    domain = {"id": 1, "name": NAMES[0], "delegations": [{"orgId": 2001, "status": "ACTIVE", "certTypes": ["SSL"]}]}
    headers = {"X-Total-Count": total} if total else {}
    rows = [{"domain": f"h{number}.univ.example", "dcvStatus": "VALIDATED"} for number in range(200)]
    wire = Wire(domains, json_answer(domain), httpx.Response(200, json=rows, headers=headers))

    assert [name.entry for name in client(wire).domains(2001, frozenset(NAMES)).delegated] == [NAMES[0]]
    assert len(wire.requests) == 4


@pytest.mark.parametrize("refused", [httpx.Response(404), refusal(-3)], ids=["no such path", "not permitted"])
def test_validations_are_listed_by_the_version_that_scm_serves(refused: httpx.Response):
    """SCM's documentation has v1, the specification of the OAuth2 hosts v2 only; a validation would seem to be lost."""
    domains = json_answer([{"id": 1, "name": NAMES[0]}])
    domain = {"id": 1, "name": NAMES[0], "delegations": [{"orgId": 2001, "status": "ACTIVE", "certTypes": ["SSL"]}]}
    listed = [{"domain": NAMES[0], "dcvStatus": "Validated", "expirationDate": "2027-03-01T00:00:00.000Z"}]
    wire = Wire(domains, json_answer(domain), refused, json_answer(listed))

    (found,) = client(wire).domains(2001, frozenset(NAMES)).delegated
    assert (found.dcv_status, found.dcv_expires) == ("VALIDATED", date(2027, 3, 1))
    assert [request.url.path for request in wire.requests[2:]] == [
        "/api/dcv/v1/validation",
        "/api/dcv/v2/validation",
    ]


@pytest.mark.parametrize("refused", [httpx.Response(405), httpx.Response(403), refusal(-10), refusal(-1)])
def test_a_refused_list_of_validations_hides_no_domain(refused: httpx.Response):
    """Only v1 is documented for a login: what another host answers for v2 must not hide what was read before."""
    domains = json_answer([{"id": 1, "name": NAMES[0]}])
    domain = {"id": 1, "name": NAMES[0], "delegations": [{"orgId": 2001, "status": "ACTIVE", "certTypes": ["SSL"]}]}
    wire = Wire(domains, json_answer(domain), refusal(-3), refused)

    assert [name.entry for name in client(wire).domains(2001, frozenset(NAMES)).delegated] == [NAMES[0]]


@pytest.mark.parametrize("missing", ["credentials", "privileges"])
def test_a_record_without_roles_or_privileges_does_not_show_the_account(missing: str):
    """A member that SCM leaves out is no missing privilege: the RAO would be asked for what the account has."""
    record: dict[str, Any] = {
        "id": 7,
        "login": "drao",
        "type": "API",
        "credentials": [{"role": "DRAO_SSL", "orgId": 2001}],
        "privileges": ["sslRequest"],
    }
    rows = json_answer([{"id": 7, "login": "drao"}])

    assert client(Wire(rows, json_answer(record))).account() is not None
    del record[missing]
    assert client(Wire(rows, json_answer(record))).account() is None


def test_a_list_without_an_end_ends_with_a_named_error():
    """Each page is new, and none is the last."""

    def answer(request: httpx.Request) -> httpx.Response:
        first = int(request.url.params["position"])
        return json_answer([{"id": first + number, "name": "x.example"} for number in range(200)])

    wire = Wire(answer)
    with pytest.raises(errors.ScmUnavailable, match="further page"):
        client(wire).domains(2001, frozenset(NAMES))
    assert len(wire.requests) == MOST_PAGES


def test_a_list_of_large_pages_ends_before_it_fills_the_memory():
    """Each page is within the limit of an answer; a hundred of them would be 200 MB."""

    def answer(request: httpx.Request) -> httpx.Response:
        first = int(request.url.params["position"])
        return json_answer([{"id": first + number, "name": "x.example", "more": "x" * 9_000} for number in range(200)])

    wire = Wire(answer)
    with pytest.raises(errors.ScmUnavailable, match="further page"):
        client(wire).domains(2001, frozenset(NAMES))
    assert len(wire.requests) <= MOST_BYTES_TOGETHER // (200 * 9_000) + 1


def test_an_order_listed_twice_is_opened_once():
    """Paging over a changing list repeats rows."""
    row = {"sslId": 3, "commonName": NAMES[0]}
    answers = [row, row, {"id": "3", "commonName": NAMES[0]}], {"status": "Issued"}, {"statusCode": 0}
    wire = Wire(*map(json_answer, answers))

    assert client(wire).find(searched()).ssl_id is None
    assert len(wire.requests) == 3


def test_a_name_too_long_for_a_common_name_is_searched_as_alternative():
    """The order has no common name, or one that SCM made of the first alternative: both are looked for."""
    long = f"{'a' * 60}.univ.example"
    listing = Listing({3: ("", OURS)})

    assert find(listing, (long,)) == 3
    searched = [dict(request.url.params) for request in listing.requests if request.url.path == "/api/ssl/v1"]
    assert [names.keys() & {"commonName", "subjectAlternativeName"} for names in searched] == [
        {"commonName"},
        {"subjectAlternativeName"},
    ]


def test_none_is_returned_only_when_every_candidate_was_read():
    """On None depends a second order; an order that is listed but not known might be ours."""
    with pytest.raises(errors.ScmUnavailable, match="lists order 9"):
        find(Listing({9: (NAMES[0], OURS), 3: (NAMES[0], "")}, unknown=[9]))


def test_an_unknown_candidate_does_not_hide_ours():
    """The others are still read."""
    assert find(Listing({9: (NAMES[0], ""), 3: (NAMES[0], OURS)}, unknown=[9])) == 3


@pytest.mark.parametrize("answer", [HTML, httpx.Response(200), httpx.Response(200, text="<html>"), json_answer({})])
def test_a_search_that_fails_is_not_a_search_that_finds_nothing(answer):
    """The second order hangs on it."""
    with pytest.raises(errors.ScmUnavailable):
        scm(answer).find(searched())


@pytest.mark.parametrize("row", ["x", None, {}, {"commonName": "idp.univ.example"}])
def test_a_row_that_cannot_be_read_is_not_nothing(row):
    """A row without a number may be our order."""
    with pytest.raises(errors.ScmUnavailable):
        scm(json_answer([row])).find(searched())
