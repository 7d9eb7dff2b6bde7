"""The address that we come from, against those that the organisations' access lists have."""

from __future__ import annotations

from renewal.domain.delegation import Delegation
from renewal.domain.setup.finding import Finding

ADDRESS_CHANGED = "AddressChanged"


def address_findings(delegation: Delegation, seen: str, registered: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    """Return a finding when the outside sees another address than a registered /32; none when either is not known.

    registered: the stack's addresses, for a delegation whose file names none.
    The RAO could only widen the access list by it, so the operator acts.
    """
    ours = [one.removesuffix("/32") for one in ([delegation.address] if delegation.address else registered)]
    if not ours or not seen or seen in ours:
        return ()
    text = (
        f"the outside sees us come from {seen}, and registered is {' or '.join(ours)}: put the registered address back "
        f"(runbook: {ADDRESS_CHANGED}); if it moved on purpose, have the RAO register {seen}/32 and change the file"
    )
    return (Finding(ADDRESS_CHANGED, "error", "operator", text),)
