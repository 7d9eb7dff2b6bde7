"""The example world, which the simulator uses when no other is given."""

from __future__ import annotations

from scm_simulator.world.world import (
    SSL_PRIVILEGES,
    Account,
    CustomField,
    Department,
    Domain,
    OAuthClient,
    Organisation,
    Profile,
    World,
)

_OFFICER_PRIVILEGES = (*SSL_PRIVILEGES, "sslApprove", "sslManage", "allowDCV", "allowManageDomains")
"""Every privilege of a department's officer: -3 is returned only for operations of higher roles."""


def example_world() -> World:
    """Return one organisation that delegated three domains to a department, its officer, and an MRAO."""
    domains = (Domain("service.example.edu"), Domain("*.service.example.edu"), Domain("portal.example.edu"))
    department = Department(id=2001, name="Delegated services", domains=domains)
    account = Account(
        login="drao-example",
        password="Example-password-1",  # noqa: S106  # public by design
        departments=(2001,),
        privileges=_OFFICER_PRIVILEGES,
    )
    master = Account(login="mrao-example", password="Example-password-2", mrao=True)  # noqa: S106  # public by design
    return World(
        organisations=(Organisation(id=2000, name="Example University", departments=(department,)),),
        accounts=(account, master),
        oauth_clients=(OAuthClient("example-client", "example-client-secret", account.login),),
        profiles=(
            Profile(3001, "OV single and multi domain", terms=(90, 199)),
            Profile(3002, "OV RSA only", key_types={"RSA": ("2048", "3072", "4096")}),
            Profile(3003, "Short-lived", terms=(7, 30), validation_type="DV"),
        ),
        custom_fields=(CustomField("cost centre"),),
    )
