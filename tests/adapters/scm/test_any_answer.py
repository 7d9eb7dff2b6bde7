"""Whatever SCM answers, a reader returns a result or raises an error of ours."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography import x509
from hypothesis import example, given, settings
from hypothesis import strategies as st

from renewal.adapters.scm.client import ScmClient
from renewal.domain.certificate.acceptance import Expectation, check
from renewal.domain.certificate.chain import Delivery
from renewal.domain.certificate.chain_form import ChainForm
from renewal.domain.errors import RenewalError
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair, public_key_bytes
from renewal.domain.order_search import SearchedOrder
from tests.adapters.scm.stage import NOW, ORDER, scm
from tests.throwaway_ca import SERVER, hierarchy, pem, trusted_roots

READERS: dict[str, Callable[[ScmClient], object]] = {
    "enroll": lambda client: client.enroll(ORDER),
    "find": lambda client: client.find(SearchedOrder("t0ken", ORDER.names, 2001, NOW)),
    "details": lambda client: client.details(7),
    "collect": lambda client: client.collect(7),
    "mark_renewed": lambda client: client.mark_renewed(7, 8),
    "profiles": lambda client: client.profiles(2001),
    "custom_fields": lambda client: client.custom_fields(),
    "password_state": lambda client: client.password_state(),
    "account": lambda client: client.account(),
    "department": lambda client: client.department(2001),
    "domains": lambda client: client.domains(2001, ("idp.univ.example",)),
    "validations": lambda client: client.validations(2001),
    "reported": lambda client: client.reported_certificates(2001),
}
# fmt: off
MEMBERS = (
    "sslId", "id", "status", "comments", "serialNumber", "requested", "issued", "replaced", "expires", "name",
    "terms", "keyTypes", "statusCode", "reports", "message", "code", "description", "commonName",
    "subjAltNames", "state", "expirationDate", "login", "type", "activeStatus", "activeState", "credentials",
    "role", "orgId", "privileges", "sslCertsApiEnabled", "parentName", "parentId", "certTypes", "delegations",
    "delegationStatus", "validationStatus", "dcvExpiration", "validationMethod", "domain", "dcvStatus",
    "dcvMethod", "validationLevel", "mandatory",
)
# fmt: on
texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["7", "2001", "idp.univ.example", "Issued", "2026-13-45", "-1", "9999-12-31T23:59:59-05:00"]),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(MEMBERS), inner, min_size=1, max_size=9)
    ),
    max_leaves=20,
)
STATUSES = st.sampled_from([200, 200, 200, 201, 204, 301, 400, 401, 403, 404, 429, 500, 503])


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=30)
@given(status=STATUSES, answer=values)
def test_any_json_is_a_result_or_a_named_error(reader: str, status: int, answer: Any) -> None:
    """A KeyError or TypeError would fail the function without a reason, for every certificate of a delegation."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            READERS[reader](scm(httpx.Response(status, json=_finite(answer))))
        except RenewalError:
            return


def _finite(value: Any) -> Any:
    """JSON has no infinity."""
    if isinstance(value, float):
        return value if abs(value) < 1e300 else "Infinity"
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return {name: _finite(item) for name, item in value.items()} if isinstance(value, dict) else value


KEY = KeyPair.generate(KeyType.P_256)
READ = ("2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.32", "2.5.29.35", "2.5.29.37", "1.3.6.1.5.5.7.1.1")
"""Extensions that the library parses, all of them when one is asked for (RFC 5280 §4.2)."""
CA_FALSE_WRITTEN = bytes.fromhex("3003010100")


@settings(max_examples=60)
@given(oid=st.sampled_from(READ), value=st.binary(max_size=8))
@example(oid="2.5.29.19", value=CA_FALSE_WRITTEN)
def test_any_signed_extension_is_a_chain_or_a_named_error(oid: str, value: bytes) -> None:
    """A CA signed it, so nothing but its content is wrong; the library parses it when a name is asked for."""
    ca, names = hierarchy().ec, [] if oid == "2.5.29.17" else ["idp.univ.example"]
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
    leaf = ca.issue(
        KEY.private_key.public_key(),
        names,
        not_before=NOW,
        days=90,
        usages=() if oid == "2.5.29.37" else SERVER,
        others=[extension],
    )
    try:
        delivery = Delivery.parse(pem(leaf, ca.certificate), public_key_bytes(KEY.private_key.public_key()))
        check(delivery.leaf, Expectation(("idp.univ.example",), KeyType.P_256, 90, ()), NOW)
        chain = delivery.chain(ChainForm.COMPATIBLE, trusted_roots(), NOW)
        facts = (chain.pem(), chain.leaf.key_usages, chain.leaf.extended_key_usages, chain.leaf.issuer)
    except RenewalError:
        return
    assert all(fact is not None for fact in facts)
