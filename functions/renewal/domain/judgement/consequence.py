"""What happens unless the operator or the RAO acts on a problem."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from renewal.domain.setup.finding import ARN_REPLACED, SECURITY


class Consequence(StrEnum):
    """What happens unless the actor acts. The date is `Problem.consequence_on`."""

    EXPIRES = "expires"
    """The stored certificate expires, and clients refuse it."""
    NO_CERTIFICATE = "no-certificate"
    """The service still has no certificate."""
    REVOKED = "revoked"
    """Clients may refuse the stored certificate: it is revoked, or will be."""
    CA_REVOKES = "ca-revokes"
    """The CA revokes the stored certificate, and clients refuse it: the deadline of a replacement rule."""
    ORDERS_STOP = "orders-stop"
    """Nothing can be ordered any more."""
    NAMES_STOP = "names-stop"
    """No certificate with some of the names can be ordered any more."""
    ORDERS_WAIT = "orders-wait"
    """An order whose answer is lost waits for the operator."""
    MISUSE = "misuse"
    """The account, or a thief of its password, can do more than was agreed."""
    IMPERSONATION = "impersonation"
    """The certificate is accepted from anyone who has its key."""
    OTHER_SERVED = "other-served"
    """A store or a server may have another certificate than the order book."""
    USAGE_ENDS = "usage-ends"
    """Renewed certificates lack a usage that a server may need."""
    UNNOTICED = "unnoticed"
    """Other faults may not be found."""
    UNINFORMED = "uninformed"
    """The RAO does not learn what they must do."""
    TRIED_LATER = "tried-later"
    """The next daily run tries it."""
    NONE = "none"
    """No action is needed."""

    @property
    def sentence(self) -> str:
        """What happens, in English; empty when nothing does."""
        return _SENTENCES[self]

    @property
    def past(self) -> str:
        """That it has happened, in English, before its day; empty for what does not begin on a day and go on."""
        return _PAST.get(self, "")


_SENTENCES: Mapping[Consequence, str] = MappingProxyType(
    {
        Consequence.EXPIRES: "the certificate expires",
        Consequence.NO_CERTIFICATE: "the service has no certificate",
        Consequence.REVOKED: "clients may refuse the certificate",
        Consequence.CA_REVOKES: "the CA revokes the certificate",
        Consequence.ORDERS_STOP: "no more certificates are ordered",
        Consequence.NAMES_STOP: "certificates with these names cannot be ordered",
        Consequence.ORDERS_WAIT: "an order whose answer is lost waits for the operator",
        Consequence.MISUSE: "more can be ordered than was agreed",
        Consequence.IMPERSONATION: "anyone who has its key can impersonate the service",
        Consequence.OTHER_SERVED: "clients may meet another certificate",
        Consequence.USAGE_ENDS: "renewed certificates lack the usage",
        Consequence.UNNOTICED: "other faults may go unnoticed",
        Consequence.UNINFORMED: "the RAO does not learn what they must do",
        Consequence.TRIED_LATER: "the next daily run tries it",
        Consequence.NONE: "",
    }
)
_PAST = MappingProxyType(
    {
        Consequence.NAMES_STOP: "orders with these names stopped on",
        Consequence.ORDERS_STOP: "orders stopped on",
        Consequence.USAGE_ENDS: "the usage ended on",
    }
)
_CODES = {
    Consequence.EXPIRES: (ARN_REPLACED,),
    Consequence.IMPERSONATION: ("NotRevoked",),
    Consequence.MISUSE: SECURITY,
    Consequence.NONE: ("OrdersBefore", "PasswordRotation"),
    Consequence.ORDERS_WAIT: ("SearchUnproven",),
    Consequence.OTHER_SERVED: ("NotServed", "NotVerified", "StoreDrifted"),
    Consequence.REVOKED: ("ServedNotListed", "ServedReplaced", "ServedRevoked"),
    Consequence.TRIED_LATER: ("CredentialUntried",),
    Consequence.UNINFORMED: ("RaoMailUndelivered",),
    Consequence.UNNOTICED: ("InspectionIncomplete", "MoreFindings", "ReportNotShown", "StoresNotCompared"),
    Consequence.USAGE_ENDS: ("ClientAuthEnding",),
}
CONSEQUENCES: Mapping[str, Consequence] = MappingProxyType(
    {code: consequence for consequence, codes in _CODES.items() for code in codes}
)
"""By code; of all others orders stop on the day that the finding names, or certificates expire."""
OF_NAMES = frozenset({"DcvLapsing", "DcvMethodEnding", "PersistentRecordEnding", "PersistentRecordUnusable"})
"""Codes of what stops the orders of some names on the day that the finding names, and of no others."""
