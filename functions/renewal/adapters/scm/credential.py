"""What is stored for an account, in one of two forms.

header login  `{"login": …, "password": …, "customer_uri": …}`  (SCM reference §2.1)
OAuth2        `{"client_id": …, "client_secret": …}`           (SCM reference §2.3)

`customerUri`, as SCM spells it, is taken too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from renewal.domain.errors import CredentialMissing

PASSWORD_MEMBERS = ("login", "password", "customer_uri")
CLIENT_MEMBERS = ("client_id", "client_secret")


@dataclass(frozen=True, slots=True)
class PasswordCredential:
    """A login of SCM's own, sent with every request."""

    login: str
    password: str = field(repr=False)
    customer_uri: str


@dataclass(frozen=True, slots=True)
class ClientCredentialsCredential:
    """An API key of SCM's OAuth2 host."""

    client_id: str
    client_secret: str = field(repr=False)


Credential = PasswordCredential | ClientCredentialsCredential


def credential_from(document: Mapping[str, str]) -> Credential:
    """Read a stored credential. Raises CredentialMissing, naming the members at fault, never their values."""
    document = {"customer_uri": document.get("customerUri", ""), **document}
    is_client = any(document.get(member) for member in CLIENT_MEMBERS)
    if is_client and any(document.get(member) for member in PASSWORD_MEMBERS):
        msg = f"the stored credential mixes two forms: keep {_listed(PASSWORD_MEMBERS)} or {_listed(CLIENT_MEMBERS)}"
        raise CredentialMissing(msg)
    if is_client:
        return ClientCredentialsCredential(*_values(document, CLIENT_MEMBERS))
    login, password, customer_uri = _values(document, PASSWORD_MEMBERS)
    if "/" in customer_uri:
        msg = (
            "customer_uri of the stored credential must be only the last part of the portal's address, after "
            "`/customer/`: SCM refuses another one like a wrong password, and counts it"
        )
        raise CredentialMissing(msg)
    return PasswordCredential(login, password, customer_uri)


def _values(document: Mapping[str, str], members: tuple[str, ...]) -> tuple[str, ...]:
    missing = [member for member in members if not document.get(member)]
    if missing:
        msg = f"the stored credential lacks {_listed(missing)}; it needs {_listed(members)}"
        raise CredentialMissing(msg)
    values = tuple(document[member] for member in members)
    unfit = [member for member, value in zip(members, values, strict=True) if not _fits_a_header(value)]
    if unfit:
        msg = (
            f"{_listed(unfit)} of the stored credential must be printable ASCII without a blank or "
            f"line break at either end: it travels in an HTTP header"
        )
        raise CredentialMissing(msg)
    return values


def _fits_a_header(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and value == value.strip()


def _listed(members: tuple[str, ...] | list[str]) -> str:
    return ", ".join(members)
