from __future__ import annotations

import pytest

from renewal.adapters.scm.credential import ClientCredentialsCredential, PasswordCredential, credential_from
from renewal.domain.errors import CredentialMissing
from tests.adapters.scm.stage import CLIENT, CLIENT_SECRET, LOGIN, PASSWORD


def test_a_header_login_is_read():
    """The usual account: an API account of the department."""
    assert credential_from(LOGIN) == PasswordCredential("drao", PASSWORD, "univ")


def test_the_customer_uri_may_be_spelled_as_scm_spells_it():
    """SCM's own documentation writes customerUri."""
    document = {"login": "drao", "password": PASSWORD, "customerUri": "univ"}

    assert credential_from(document) == PasswordCredential("drao", PASSWORD, "univ")


def test_an_api_key_is_read():
    """Accounts of the OAuth2 host have no password."""
    assert credential_from(CLIENT) == ClientCredentialsCredential("renewals", CLIENT_SECRET)


def test_members_that_are_not_ours_are_left_alone():
    """A password rotation keeps its candidate in the same secret."""
    assert credential_from({**LOGIN, "candidate": "x"}) == PasswordCredential("drao", PASSWORD, "univ")


@pytest.mark.parametrize("missing", ["login", "password", "customer_uri"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_member_is_named(missing, value):
    """An empty member is what a template leaves behind; the operator must read which one to fill in."""
    document = {**LOGIN, missing: value}

    with pytest.raises(CredentialMissing, match=f"lacks {missing}; it needs login, password, customer_uri"):
        credential_from(document)


def test_an_empty_secret_names_all_that_it_needs():
    """Nothing stored at all is a header login that lacks everything."""
    with pytest.raises(CredentialMissing, match="lacks login, password, customer_uri"):
        credential_from({})


def test_half_an_api_key_is_named():
    """Both halves are needed."""
    with pytest.raises(CredentialMissing, match="lacks client_secret"):
        credential_from({"client_id": "renewals"})


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
