"""What SCM's status of an order means (SCM reference §5.14)."""

from __future__ import annotations

from renewal.domain.errors import NeedsPerson, OrderDeclined, OrderRejected, OrderRevoked

_ENDED: dict[str, type[NeedsPerson]] = {
    "DECLINED": OrderDeclined,
    "REJECTED": OrderRejected,
    "INVALID": OrderRejected,
    "REVOKED": OrderRevoked,
    "EXPIRED": OrderRevoked,
}


def normalised_status(text: str) -> str:
    """Return *text* in upper case without blanks or underscores: `SA Approved` is `SAAPPROVED`."""
    return "".join(text.split()).replace("_", "").upper()


def ended(status: str) -> type[NeedsPerson] | None:
    """Return the error that *status* amounts to, None while the order can still be issued.

    An unknown status counts as pending: the time budget of the state machine ends that wait, whereas a wrong end would
    abandon an order that is about to be issued.
    """
    return _ENDED.get(normalised_status(status))
