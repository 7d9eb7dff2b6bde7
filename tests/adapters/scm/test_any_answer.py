"""Whatever SCM answers, a reader returns a result or raises an error of ours."""

from __future__ import annotations

import warnings
from base64 import encodebytes
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from renewal.adapters.scm.client import ScmClient
from renewal.domain.certificate import Chain, Expectation, check
from renewal.domain.errors import RenewalError
from renewal.domain.keypair import KeyPair, KeyType, public_key_bytes
from renewal.domain.order_search import SearchedOrder
from tests.adapters.scm.stage import NOW, ORDER, scm
from tests.throwaway_ca import hierarchy

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
    "reported": lambda client: client.reported(2001),
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
    st.text(max_size=12), st.sampled_from(["7", "2001", "idp.univ.example", "Issued", "2026-13-45", "-1"])
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
@settings(max_examples=60)
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
PEM = "-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n"
LEAF = hierarchy().ec.issue(KEY.private_key.public_key(), ["idp.univ.example"], not_before=NOW, days=90)
BUNDLE = (LEAF, hierarchy().ec.certificate, hierarchy().root.certificate)


@settings(max_examples=300)
@given(
    which=st.integers(0, 2),
    changes=st.lists(st.tuples(st.integers(0, 900), st.binary(max_size=3), st.integers(0, 3)), min_size=1, max_size=3),
)
@pytest.mark.filterwarnings("ignore")  # of the library, about odd serial numbers
def test_any_changed_certificate_is_a_chain_or_a_named_error(which: int, changes: list[tuple[int, bytes, int]]) -> None:
    """Bytes are inserted, replaced and removed; the library reads most parts of a certificate only when asked."""
    texts = [certificate.public_bytes(Encoding.DER) for certificate in BUNDLE]
    for place, new, removed in changes:
        der = texts[which]
        at = place % len(der)
        texts[which] = der[:at] + new + der[at + removed :]
    pem = "".join(PEM.format(encodebytes(der).decode()) for der in texts)
    try:
        chain = Chain.assemble(pem, public_key_bytes(KEY.private_key.public_key()))
        check(chain, Expectation(("idp.univ.example",), KeyType.P_256, 90), NOW)
        chain.leaf.require_begun(NOW)
        facts = (chain.pem(), chain.leaf.key_usages, chain.leaf.extended_key_usages, chain.leaf.issuer)
    except RenewalError:
        return
    assert all(fact is not None for fact in facts)
