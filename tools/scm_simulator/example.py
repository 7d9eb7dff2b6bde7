"""The example world, which the simulator plays when no other is given."""

from __future__ import annotations

from .world import SSL_PRIVILEGES, Account, CustomField, Department, Domain, OAuthClient, Organisation, Profile, World

RSA_ONLY = {"RSA": ("2048", "3072", "4096")}
ANY_KEY = {"RSA": ("2048", "3072", "4096"), "EC": ("P-256", "P-384")}

_OFFICERS = (*SSL_PRIVILEGES, "sslApprove", "sslManage", "allowDCV", "allowManageDomains")
"""All that a department's officer may be given: whoever tries the API meets no -3 but what is for those above."""


def example_world() -> World:
    """Return one organisation that delegated three entries to a department, its officer, and the master above."""
    domains = (
        Domain("service.example.edu"),
        Domain("*.service.example.edu"),
        Domain("portal.example.edu"),
    )
    department = Department(id=2001, name="Delegated services", domains=domains)
    account = Account(
        login="drao-example",
        password="Example-password-1",  # noqa: S106  # public by design
        departments=(2001,),
        privileges=_OFFICERS,
    )
    master = Account(login="mrao-example", password="Example-password-2", mrao=True)  # noqa: S106  # public by design
    client = OAuthClient("example-client", "example-client-secret", account.login)
    return World(
        organisations=(Organisation(id=2000, name="Example University", departments=(department,)),),
        accounts=(account, master),
        oauth_clients=(client,),
        profiles=(
            Profile(3001, "OV single and multi domain", terms=(90, 199), key_types=ANY_KEY),
            Profile(3002, "OV RSA only", terms=(199,), key_types=RSA_ONLY),
            Profile(3003, "Short-lived", terms=(7, 30), key_types=ANY_KEY, validation_type="DV"),
        ),
        custom_fields=(CustomField("cost centre"),),
    )
