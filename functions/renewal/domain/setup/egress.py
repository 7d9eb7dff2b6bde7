"""The address from which the stack reaches the internet, compared with those in the organisations' access lists."""

from __future__ import annotations

from renewal.domain.delegation import Delegation
from renewal.domain.setup.finding import Finding

ADDRESS_CHANGED = "AddressChanged"


def address_findings(delegation: Delegation, observed: str, registered: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    """Return a finding when *observed* is not a registered address; none when either is not known.

    registered: the stack's addresses, for a delegation whose file names none. The operator must act: the RAO could only
    widen the access list.
    """
    ours = [address.removesuffix("/32") for address in ([delegation.address] if delegation.address else registered)]
    if not ours or not observed or observed in ours:
        return ()
    text = (
        f"requests come from {observed}, but {' or '.join(ours)} is registered: restore the registered address "
        f"(runbook: {ADDRESS_CHANGED}). If the change is intended, have the RAO register {observed}/32, and change "
        "the file"
    )
    return (Finding(ADDRESS_CHANGED, "error", "operator", text),)
