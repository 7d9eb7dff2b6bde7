from __future__ import annotations

import pytest

from renewal.adapters.scm.credential import ClientCredentialsCredential, PasswordCredential, credential_from
from renewal.domain.errors import CredentialMissing
from tests.adapters.scm.stage import CLIENT, CLIENT_SECRET, LOGIN, PASSWORD


@pytest.mark.parametrize(
    ("document", "credential"),
    [
        (LOGIN, PasswordCredential("drao", PASSWORD, "univ")),
        (CLIENT, ClientCredentialsCredential("renewals", CLIENT_SECRET)),
        ({**LOGIN, "candidate": "x"}, PasswordCredential("drao", PASSWORD, "univ")),
        ({"login": "drao", "password": PASSWORD, "customerUri": "univ"}, PasswordCredential("drao", PASSWORD, "univ")),
    ],
    ids=["API account", "OAuth2 client", "members that are not ours", "customerUri as SCM writes it"],
)
def test_a_stored_credential_is_read(document, credential):
    """An account of the department, or a client of the OAuth2 host, which has no password."""
    assert credential_from(document) == credential


@pytest.mark.parametrize("missing", ["login", "password", "customer_uri"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_member_is_named(missing, value):
    """An empty member is what a template leaves behind; the operator must read which one to fill in."""
    document = {**LOGIN, missing: value}

    with pytest.raises(CredentialMissing, match=f"lacks {missing}; it needs login, password, customer_uri"):
        credential_from(document)


@pytest.mark.parametrize(
    ("document", "missing"),
    [({}, "login, password, customer_uri"), ({"client_id": "renewals"}, "client_secret")],
    ids=["nothing", "half an API key"],
)
def test_all_missing_members_are_named(document, missing):
    """Nothing stored at all is a header login that lacks everything."""
    with pytest.raises(CredentialMissing, match=f"lacks {missing}"):
        credential_from(document)


def test_two_forms_at_once_are_refused():
    """Guessing which of the two is meant could lock an account."""
    with pytest.raises(CredentialMissing, match="mixes two forms"):
        credential_from({**LOGIN, **CLIENT})


@pytest.mark.parametrize("password", ["gen\u00e9rique", "two\nlines", "ends in a newline\n", " leading", "\x7f", 12345])
def test_a_password_that_no_header_can_carry_is_refused_before_it_is_sent(password):
    """A failed try counts towards the lock-out; the message names the member and not its value."""
    with pytest.raises(CredentialMissing, match=r"^password of the stored credential must be") as caught:
        credential_from({**LOGIN, "password": password})

    assert str(password).strip() not in str(caught.value)
