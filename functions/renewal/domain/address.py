"""The address that we come from, against the one that a delegation's access list has."""

from __future__ import annotations

from renewal.domain.delegation import Delegation
from renewal.domain.finding import Finding

ADDRESS_CHANGED = "AddressChanged"


def address_findings(delegation: Delegation, seen: str) -> tuple[Finding, ...]:
    """Return a finding when the outside sees another address than the registered /32; none when either is not known.

    The RAO could only widen the access list by it, so the operator acts.
    """
    registered = delegation.address.removesuffix("/32")
    if not registered or not seen or registered == seen:
        return ()
    text = (
        f"the outside sees us come from {seen}, and the access list has {registered}: put the registered address back "
        f"(runbook: {ADDRESS_CHANGED}); if it moved on purpose, have the RAO register {seen}/32 and change the file"
    )
    return (Finding(ADDRESS_CHANGED, "error", "operator", text),)
