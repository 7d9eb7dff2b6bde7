"""A delegation file is read whole; all faults are reported, each with its place and its fix."""

from __future__ import annotations

import copy
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certmandate.files.specification import read
from renewal.domain.certificate.chain_form import ChainForm
from renewal.domain.delegation import RenewalPolicy
from renewal.domain.key_type import KeyType
from tests.unit.system import NOW

FILE: dict[str, Any] = {
    "delegation": "univ",
    "organisation": "Université d'Exemple",
    "department_id": 1698,
    "delegated_names": ["idp.univ.example", "*.apps.univ.example"],
    "profile_id": 1018,
    "certificates": [{"name": "idp", "names": ["idp.univ.example"]}],
}
OF_A_CERTIFICATE = (
    "arns, chain, custom_fields, external_requester, grace_hours, key, name, names, policy, profile_id, served_at, "
    "stores, term_days"
)
ARN = "arn:aws:acm:eu-west-3:111122223333:certificate/0a1b2c3d-0000-4000-8000-000000000000"
REMOVED = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    """FILE with another value at *path* (`certificates.0.names`); REMOVED removes it."""
    document = copy.deepcopy(FILE)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = document
    for part in parents:
        place = place[part]
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return document


def faults_of(document: object, now: datetime = NOW) -> list[str]:
    specification, faults = read(document, now)
    assert (specification is None) is bool(faults)
    return [str(fault) for fault in faults]


def test_a_small_file_is_read_with_its_defaults() -> None:
    """Most files leave out the key type, the stores, the policy and the term."""
    specification, faults = read(FILE, NOW)

    assert not faults
    assert specification is not None
    assert specification.delegation.delegated_names == ("idp.univ.example", "*.apps.univ.example")
    (idp,) = specification.certificates
    assert (idp.path, idp.profile_id, idp.key_type, idp.term_days) == ("univ/idp", 1018, KeyType.P_256, None)
    assert (idp.stores, dict(idp.arns), idp.policy) == (("s3",), {}, RenewalPolicy())
    assert (idp.custom_fields, idp.external_requester) == ({}, "")


def test_a_full_file_is_read_whole() -> None:
    """Every field of the format."""
    document = FILE | {
        "rao_email": "rao@université.example",
        "mandate_ends": date(2028, 12, 31),
        "address": "192.0.2.10/32",
        "delegated_names": ["idp.univ.example", "*.Université.example"],
        "policy": {"ratio": 0.25},
        "custom_fields": {"Cost centre": "4711", "Project": "P 1"},
        "external_requester": "pki@univ.example,it@université.example",
        "certificates": [
            {
                "name": "idp",
                "names": ["IDP.univ.example"],
                "key": "RSA-3072",
                "profile_id": 7,
                "term_days": 99,
                "stores": ["acm:eu-west-3", "s3"],
                "arns": {"eu-west-3": ARN},
                "chain": "short",
                "served_at": [
                    "IDP.univ.example:443",
                    {"host": "idp.univ.example", "port": 587, "starttls": "smtp", "address": "2001:DB8::7"},
                    {"reported_by": "campus-lb-2"},
                ],
                "grace_hours": 72,
                "policy": {"floor_days": 20},
                "custom_fields": {"Cost centre": "0815"},
                "external_requester": "idp@univ.example",
            },
            {"name": "www", "names": ["www.université.example"]},
        ],
    }
    specification, faults = read(document, NOW)

    assert not faults
    assert specification is not None
    delegation, (idp, www) = specification.delegation, specification.certificates
    assert (delegation.rao_email, delegation.mandate_ends) == ("rao@xn--universit-j4a.example", date(2028, 12, 31))
    assert delegation.address == "192.0.2.10/32"
    assert (idp.names, idp.key_type, idp.profile_id) == (("idp.univ.example",), KeyType.RSA_3072, 7)
    assert (idp.term_days, idp.stores, dict(idp.arns)) == (99, ("acm:eu-west-3", "s3"), {"eu-west-3": ARN})
    assert (idp.chain, www.chain) == (ChainForm.SHORT, ChainForm.COMPATIBLE)
    assert [str(endpoint) for endpoint in idp.served_at] == [
        "idp.univ.example:443",
        "idp.univ.example:587 (smtp) at 2001:db8::7",
        "reported by campus-lb-2",
    ]
    assert (idp.grace_hours, www.served_at, www.grace_hours) == (72, (), 24)
    assert (idp.policy, www.policy) == (RenewalPolicy(0.25, 20), RenewalPolicy(0.25))
    assert (idp.custom_fields, idp.external_requester) == (
        {"Cost centre": "0815", "Project": "P 1"},
        "idp@univ.example",
    )
    assert (www.custom_fields, www.external_requester) == (
        {"Cost centre": "4711", "Project": "P 1"},
        "pki@univ.example, it@xn--universit-j4a.example",
    )
    assert www.names == ("www.xn--universit-j4a.example",)


NAME = "must be 1 to 40 lower-case letters, digits and inner hyphens"
WHOLE = "must be a whole number of 1 or more"
ONE_ADDRESS = "must be the stack's Elastic IP as a /32, written as 51.15.20.30/32"
ONE_IPV4 = "must be one IPv4 address as a /32: a wider range admits others"
NOT_PUBLIC = "is not a public address, so no request to SCM comes from it; give the stack's Elastic IP"
KEYS = "must be one of RSA-2048, RSA-3072, RSA-4096, P-256, P-384"
STORE = "must be s3 or acm:<region>, as in acm:eu-west-3"
RATIO = "must be a share of the lifetime between 0.1 and 0.5; more would renew in a loop"
DAYS = "must be a whole number of days, 0 or more"
FIELD = "must be a text of 1 to 256 characters, in quotes if it is a number or a date"
REQUESTER = "must be an e-mail address, or several with commas between them, of at most 512 characters"


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("delegation", 5, NAME),
        ("delegation", "Univ", NAME),
        ("delegation", REMOVED, "is missing"),
        ("organisation", "  ", "must be a text of 1 to 200 characters in one line"),
        ("organisation", ["U"], "must be a text of 1 to 200 characters in one line"),
        (
            "organisation",
            False,
            "must be a text of 1 to 200 characters in one line; put NO, yes and numbers in quotes",
        ),
        ("department_id", "1698", WHOLE),
        ("department_id", True, WHOLE),
        ("department_id", 0, WHOLE),
        ("department_id", None, "is missing"),
        ("rao_email", "rao", "must be an e-mail address"),
        ("rao_email", "raé@univ.example", "must have ASCII before the @: Amazon SES sends to no other address"),
        ("rao_email", "rao@un iversité.example", "must be an e-mail address"),
        ("rao_email", "rao,helpdesk@univ.example", "must be an e-mail address"),
        ("rao_email", "RAO <rao@univ.example>", "must be an e-mail address"),
        ("rao_email", "rao@*.é.example", "must be an e-mail address"),
        ("mandate_ends", "31.12.2028", "must be a day, as in 2028-12-31"),
        ("mandate_ends", datetime(2028, 12, 31, tzinfo=UTC), "must be a day, as in 2028-12-31"),
        ("mandate_ends", 20281231, "must be a day, as in 2028-12-31"),
        ("address", "192.0.2.0/24", ONE_IPV4),
        ("address", "2001:db8::1/128", ONE_IPV4),
        ("address", "192.0.2.1/24", ONE_ADDRESS),
        ("address", 3221225994, ONE_ADDRESS),
        ("address", True, ONE_ADDRESS),
        ("address", "10.0.0.1/32", f"10.0.0.1/32 {NOT_PUBLIC}"),
        ("address", "224.0.0.1/32", f"224.0.0.1/32 {NOT_PUBLIC}"),
        ("certificates", {}, "must be a list of certificates"),
        ("certificates", REMOVED, "is missing"),
        ("delegated_names", "idp.univ.example", "must be a list"),
        ("delegated_names.1", "IDP.univ.example", "'idp.univ.example' is listed twice"),
        ("profile_id", "OV", WHOLE),
        ("policy", 30, "must be a mapping with floor_days, ratio"),
        ("custom_fields", ["Cost centre"], "must map the name of a custom field to its value"),
        ("external_requester", "pki", REQUESTER),
        ("external_requester", "pki@univ.example,", REQUESTER),
        ("external_requester", "pki@*.univ.example", REQUESTER),
        ("external_requester", f"{'a' * 500}@univ.example", REQUESTER),
        ("certificates.0.external_requester", ["pki@univ.example"], REQUESTER),
        ("certificates.0", "idp", f"must be a mapping with {OF_A_CERTIFICATE}"),
        ("certificates.0.nmaes", [], f"unknown field; known here: {OF_A_CERTIFICATE}"),
        ("certificates.0.names", REMOVED, "is missing"),
        ("certificates.0.names", [], "must have at least one name"),
        ("certificates.0.names.0", 5, "must be a domain name, not int"),
        ("certificates.0.names.0", "idp", "'idp' has no dot; write the full domain name"),
        ("certificates.0.name", "IDP", NAME),
        ("certificates.0.key", "RSA-1024", KEYS),
        ("certificates.0.key", 2048, KEYS),
        ("certificates.0.term_days", 0, WHOLE),
        ("certificates.0.term_days", 99.5, WHOLE),
        ("certificates.0.stores", [], "must name at least one store: s3 or acm:<region>"),
        ("certificates.0.stores", "s3", "must be a list"),
        ("certificates.0.arns", [ARN], "must map a region to the ARN of an ACM certificate"),
        ("certificates.0.arns", {"eu-west-3": ARN}, "eu-west-3: stores has no acm:<region> for it"),
        ("certificates.0.profile_id", "OV", WHOLE),
    ],
)
def test_a_fault_has_the_place_of_the_value_and_its_fix(path: str, value: Any, text: str) -> None:
    """The author of a file must not need a manual to fix it."""
    place = re.sub(r"\.(\d+)", r"[\1]", path)

    assert faults_of(changed(path, value)) == [f"{place}: {text}"]


FORM = "must be host:port, {host: …, port: …} with starttls and address where needed, or {reported_by: …}"
HOST = {"host": "idp.univ.example", "port": 443}


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        ("idp.univ.example", FORM),
        ("idp.univ.example:https", FORM),
        ("https://idp.univ.example", FORM),
        (443, FORM),
        ("idp.univ.example:22", "must be one of 110, 143, "),
        ("mx.univ.example:25", "AWS blocks connections to port 25: declare 587 or 465, or `reported_by`"),
        ({"host": "mx.univ.example", "port": 25, "starttls": "smtp"}, "port: AWS blocks connections to port 25: "),
        ("192.0.2.7:443", "192.0.2.7 is an address: write {host: a.univ.example, port: 443, address: "),
        ("2001:db8::1", '2001:db8::1 is an address: write {host: a.univ.example, port: 443, address: "2001:db8::1"}'),
        ("[2001:db8::1]:443", "2001:db8::1 is an address: write {host: a.univ.example, port: 443, address: "),
        ({"host": "2001:db8::1", "port": 465}, "host: 2001:db8::1 is an address: write {host: a.univ.example"),
        ("*.apps.univ.example:443", "'*.apps.univ.example' is no host; name one that the wildcard covers"),
        ({"host": "idp.univ.example"}, "port must be given: it must be host:port"),
        ({**HOST, "port": True}, "port: must be one of 110, 143, "),
        ({**HOST, "starttls": "ftp"}, "starttls: must be one of smtp, imap, pop3, ldap, xmpp"),
        ({**HOST, "starttls": []}, "starttls: must be one of smtp, imap, pop3, ldap, xmpp"),
        ({**HOST, "address": "192.0.2.0/24"}, "address: must be one IPv4 or IPv6 address, as in 203.0.113.7"),
        ({**HOST, "sni": "x"}, "unknown field sni; known here: address, host, port, starttls"),
        ({"reported_by": "LB 2"}, "reported_by: must be 1 to 40 lower-case letters"),
        ({"reported_by": "lb-2", "port": 443}, "unknown field port; known here: reported_by"),
    ],
)
def test_a_fault_of_an_endpoint_has_its_fix(endpoint: Any, text: str) -> None:
    """What is not read rightly would be contacted wrongly, or never."""
    (fault,) = faults_of(changed("certificates.0.served_at", [endpoint]))

    assert fault.startswith(f"certificates[0].served_at[0]: {text}")


def test_an_endpoint_is_of_a_host_that_the_certificate_is_for() -> None:
    """Nothing else is contacted, and clients would refuse the certificate there."""
    (fault,) = faults_of(changed("certificates.0.served_at", ["sp.apps.univ.example:443"]))

    assert fault.startswith("certificates[0].served_at: 'sp.apps.univ.example' is none of the certificate's names")
    wildcard = changed("certificates.0.served_at", ["sp.apps.univ.example:443"])
    wildcard["certificates"][0]["names"] = ["*.apps.univ.example"]
    assert not faults_of(wildcard)
    assert faults_of(changed("certificates.0.grace_hours", 721)) == [
        "certificates[0].grace_hours: must be a whole number of hours, 0 to 720"
    ]


LOOP = (
    "100 days of a lifetime of 199 would renew in a loop; "
    "at most 99 (half of it), or leave it out: the ratio follows the lifetime"
)
ITSELF = "ask the RAO for idp.univ.example itself"


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("certificates.0.stores", ["gcs"], f"certificates[0].stores[0]: {STORE}"),
        ("certificates.0.stores", ["acm:Paris"], f"certificates[0].stores[0]: {STORE}"),
        ("certificates.0.stores", ["s3", "s3"], "certificates[0].stores[1]: 's3' is listed twice"),
        ("certificates.0.chain", "long", "certificates[0].chain: must be one of compatible, short"),
        ("certificates.0.chain", ["short"], "certificates[0].chain: must be one of compatible, short"),
        ("certificates.0.arns", {"eu-west-3": "x"}, ".arns.eu-west-3: is not the ARN of an ACM certificate"),
        ("certificates.0.arns", {"eu-west-1": ARN}, ".arns.eu-west-1: is an ARN of eu-west-3, not of eu-west-1"),
        ("profile_id", REMOVED, "certificates[0].profile_id: is missing, here and at the top of the file"),
        ("orgId", 5, "orgId: unknown field; known here: address, certificates, custom_fields, delegated_names, "),
        ("certificates.0.names", ["idp.univ.example", "IDP.univ.example"], "names[1]: 'idp.univ.example' is listed"),
        ("custom_fields", {"Cost centre": 4711}, f"custom_fields.Cost centre: {FIELD}"),
        ("custom_fields", {"Cost centre": ""}, f"custom_fields.Cost centre: {FIELD}"),
        ("custom_fields", {5: "4711"}, f"custom_fields.5: {FIELD}"),
        ("certificates.0.custom_fields", {"Cost centre": "4" * 257}, f"[0].custom_fields.Cost centre: {FIELD}"),
        ("delegated_names", [], f"'idp.univ.example' is not delegated: delegated are no names at all; {ITSELF}"),
        ("policy", {"floor_days": 100}, f"certificates[0].policy.floor_days: {LOOP}"),
        ("policy", {"floor_days": -1}, f"policy.floor_days: {DAYS}"),
        ("policy", {"floor_days": "30 days"}, f"policy.floor_days: {DAYS}"),
        ("policy", {"days": 30}, "policy.days: unknown field; known here: floor_days, ratio"),
        *(("policy", {"ratio": ratio}, f"policy.ratio: {RATIO}") for ratio in (0.6, 0, 33, True, "1/3", float("nan"))),
    ],
)
def test_a_fault_of_a_part_or_between_fields_has_its_own_place(path: str, value: Any, fault: str) -> None:
    """The value that was changed is not always the one to correct."""
    (found,) = faults_of(changed(path, value))

    assert fault in found


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "sp.univ.example",
            "delegated are idp.univ.example, *.apps.univ.example; ask the RAO for sp.univ.example itself",
        ),
        ("*.idp.univ.example", "permits exactly that name; a wildcard needs the entry *.idp.univ.example"),
        ("test.idp.univ.example", "exactly that name, nothing below it; delegate test.idp.univ.example itself"),
        ("apps.univ.example", "permits what is below apps.univ.example, not apps.univ.example; delegate apps.univ"),
    ],
)
def test_a_name_that_is_not_delegated_has_the_reason(name: str, reason: str) -> None:
    """Each misunderstanding of what an entry permits has its own sentence."""
    (found,) = faults_of(changed("certificates.0.names.0", name))

    assert found.startswith(f"certificates[0].names: '{name}' is not delegated: ")
    assert reason in found


def test_a_floor_is_compared_with_the_term_and_todays_calendar() -> None:
    """A floor that fits 199 days renews in a loop at 99: the file is refused when it is applied."""
    document = changed("policy", {"floor_days": 60})

    assert not faults_of(document)
    assert (
        "60 days of a lifetime of 99 would renew in a loop" in faults_of(document, datetime(2027, 4, 1, tzinfo=UTC))[0]
    )
    document["certificates"][0]["term_days"] = 100
    assert "60 days of a lifetime of 100 would renew in a loop; at most 50" in faults_of(document)[0]


def test_two_certificates_of_one_name_are_a_fault() -> None:
    """They would share a record."""
    document = changed("certificates", FILE["certificates"] * 2)

    assert faults_of(document) == ["certificates[1].name: 'idp' is the name of an earlier certificate too"]


def test_too_many_names_are_a_fault() -> None:
    """N9: Sectigo sells profiles of up to 1,000 names; all of them, several times, fit into an item of 400 KB."""
    names = [f"n{number}.apps.univ.example" for number in range(1001)]
    longest = [f"n{number}.{'a' * 60}.{'b' * 60}.apps.univ.example" for number in range(400)]

    assert faults_of(changed("certificates.0.names", names)) == ["certificates[0].names: has 1001 names; 1000 at most"]
    assert not faults_of(changed("certificates.0.names", names[:1000]))
    assert faults_of(changed("certificates.0.names", longest)) == [
        "certificates[0].names: has names of more than 50,000 letters together"
    ]


def test_all_faults_are_reported_in_the_order_of_the_file() -> None:
    """One fault for each run would take many runs."""
    document = changed("department_id", "1698") | {"organisation": None, "colour": "red"}
    document["certificates"] = [{"name": "idp", "names": ["sp.univ.example"], "key": "DSA"}, 7]

    assert [fault.partition(": ")[0] for fault in faults_of(document)] == [
        "colour",
        "organisation",
        "department_id",
        "certificates[0].key",
        "certificates[1]",
        "certificates[0].names",
    ]


@pytest.mark.parametrize("document", [None, [], "delegation: univ", 5])
def test_a_file_that_is_no_mapping_is_one_fault(document: object) -> None:
    """An empty file is None in YAML."""
    (fault,) = faults_of(document)

    assert fault.startswith("file: must be a mapping with address, certificates, ")


def test_a_list_that_aliases_repeat_is_refused_unread() -> None:
    """S5: 300 certificates with one list of 3,000 names took 48 s; the file had 70 KB."""
    names = [f"a{number}.univ.example" for number in range(3_000)]
    certificates = [{"name": f"c{number}", "names": names} for number in range(300)]

    faults = faults_of({**FILE, "certificates": certificates})

    assert len(faults) == 300
    assert faults[0] == "certificates[0].names: has 3000 entries; 2000 at most"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates() | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)
places = st.sampled_from(
    [*FILE, "policy", "address", "mandate_ends", "certificates.0", "certificates.0.names.0"]
    + [
        f"certificates.0.{name}"
        for name in (
            "name",
            "names",
            "key",
            "profile_id",
            "term_days",
            "stores",
            "arns",
            "chain",
            "policy",
            "served_at",
        )
    ]
)


@given(places, values)
def test_no_content_of_a_file_ends_in_a_traceback(place: str, value: Any) -> None:
    """Any content of YAML is read, or is reported as a fault."""
    assert all(fault for fault in faults_of(changed(place, value)))
