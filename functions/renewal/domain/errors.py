"""What can go wrong, named after who reacts and how.

The class names are a contract: the state machine matches them as text (Retry and Catch in
`infra/renewal.asl.yaml`), the report and the runbook use the same words.

RenewalError
├── Retryable                     trying the same step again can help; the state machine waits and retries
│   ├── OrderPending              SCM has not issued yet
│   ├── OrderUnconfirmed          the answer to an order was lost: look for it in SCM before anything else
│   ├── OrderConflict             another run moved this order a moment ago
│   ├── ScmUnavailable            no answer, 429, 5xx, or a code that SCM itself calls temporary
│   │   └── AnswerLost            … to a call that orders: the effect may have happened
│   └── StoreUnavailable          DynamoDB, KMS, S3, ACM, Secrets Manager or EventBridge is throttled or down
└── NeedsPerson                   trying again cannot help; the operator or the RAO must act
    ├── InvalidRequest            the execution's input is not ours
    ├── InvalidDelegation         a delegation file cannot be taken
    ├── UnknownDelegation         a name that no delegation or certificate has
    ├── TooManyDue                much is due at once: a clock or policy error until somebody says otherwise
    ├── PlanUnreadable            the run's plan or results are not what this version wrote
    ├── CredentialMissing         no usable credential is stored
    ├── CredentialRefused         401: password, lock-out, customerUri or address
    ├── CredentialExpired         the account's password has expired
    ├── PasswordPolicyRefused     SCM's policy takes none of the passwords that were made for the account
    ├── AddressRefused            SCM refuses the address we come from (403), or every account at once
    ├── PermissionMissing         the account may not do this
    ├── MandateEnded              the delegation's end date has passed
    ├── NameNotDelegated          the department may not order one of the names
    ├── DcvLapsed                 domain control validation is missing or expired
    ├── OrganisationNotValidated  the organisation's validation is missing or expired
    ├── ProfileRefused            the certificate profile is unknown, not assigned, or does not allow this
    ├── TermRefused               the profile does not offer this term
    ├── KeyRefused                the profile or SCM does not take this key
    ├── RequestRefused            SCM cannot use the request as it stands
    ├── ScmRefused                SCM said no with a code that has no better name
    ├── OrderDeclined             an administrator declined the order
    ├── OrderRejected             the CA or SCM rejected the order
    ├── OrderRevoked              the ordered certificate was revoked before we stored it
    ├── OrderUnknown              SCM does not know the order any more
    ├── CertificateMismatch       what SCM issued is not what was asked for
    ├── ChainBroken               the issuers that came with the certificate do not lead to it
    ├── KeyLost                   the order's private key cannot be opened
    ├── AcmWouldRefuse            ACM's rules exclude this import; found before it was tried
    ├── AcmRefused                ACM refused the import
    ├── AcmQuotaReached           the account has imported as many certificates as it may
    ├── AcmCertificateMissing     the ARN to re-import into does not exist
    └── StoreRefused              AWS denied a call: a permission, a key or a resource of the stack is missing
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

Actor = Literal["operator", "rao"]


class RenewalError(Exception):
    """Anything this package raises on purpose."""

    actor: ClassVar[Actor] = "operator"
    """Who must act when it persists."""

    ends_order: ClassVar[bool] = False
    """Whether the open order is over once this was raised (its key is erased, an audit row written)."""


class Retryable(RenewalError):
    """Trying the same step again can help."""


class OrderPending(Retryable):
    """SCM has not issued the certificate yet (SCM reference §5.10)."""


class OrderUnconfirmed(Retryable):
    """The answer to an order was lost; a later look decides whether it exists."""


class OrderConflict(Retryable):
    """Another run moved this order a moment ago; read again, then go on from there."""


class ScmUnavailable(Retryable):
    """No usable answer from SCM, or one that it calls temporary itself."""


class AnswerLost(ScmUnavailable):
    """No usable answer to a call that orders: the effect may have happened (SCM reference §3.7)."""


class StoreUnavailable(Retryable):
    """An AWS service is throttled, busy or down.

    undone: AWS said that it did nothing; otherwise the call may have had its effect, or have it yet.
    """

    def __init__(self, text: str, *, undone: bool = False) -> None:
        super().__init__(text)
        self.undone = undone


class NeedsPerson(RenewalError):
    """Trying again cannot help."""


class InvalidRequest(NeedsPerson):
    """The execution's input has an unknown field or a wrong type."""


class InvalidDelegation(NeedsPerson):
    """A delegation file cannot be taken."""


class UnknownDelegation(NeedsPerson):
    """The execution asks for a delegation or certificate that does not exist."""


class TooManyDue(NeedsPerson):
    """So much is due at once that a wrong clock or policy is likelier than the truth."""


class PlanUnreadable(NeedsPerson):
    """The plan or the results of the run are not what this version wrote."""


class CredentialMissing(NeedsPerson):
    """No usable credential of the delegation is stored."""


class CredentialRefused(NeedsPerson):
    """SCM answered 401: never retried, because SCM counts failed attempts (SCM reference §2.4)."""


class CredentialExpired(NeedsPerson):
    """The account's password has expired; SCM promises no way to change it then, so the RAO sets one."""

    actor = "rao"


class PasswordPolicyRefused(NeedsPerson):
    """SCM's password policy refuses a new password (SCM reference §9); the old one stays good."""


class AddressRefused(NeedsPerson):
    """SCM does not accept the address we come from."""

    actor = "rao"


class PermissionMissing(NeedsPerson):
    """The account lacks a privilege or a role."""

    actor = "rao"


class MandateEnded(NeedsPerson):
    """The delegation's own end date has passed."""

    actor = "rao"


class NameNotDelegated(NeedsPerson):
    """A name of the certificate is not delegated to the department."""

    actor = "rao"
    ends_order = True


class DcvLapsed(NeedsPerson):
    """Domain control validation is missing or has expired (BR §4.2.1)."""

    actor = "rao"
    ends_order = True


class OrganisationNotValidated(NeedsPerson):
    """The organisation's validation is missing or has expired."""

    actor = "rao"
    ends_order = True


class ProfileRefused(NeedsPerson):
    """The certificate profile is unknown to the department or does not allow this."""

    ends_order = True


class TermRefused(NeedsPerson):
    """The profile does not offer the term."""

    ends_order = True


class KeyRefused(NeedsPerson):
    """The key's algorithm or size is not accepted."""

    ends_order = True


class RequestRefused(NeedsPerson):
    """SCM cannot use the request as it stands."""

    ends_order = True


class ScmRefused(NeedsPerson):
    """SCM said no with a code that has no better name."""


class OrderDeclined(NeedsPerson):
    """An administrator declined the order in SCM."""

    actor = "rao"
    ends_order = True


class OrderRejected(NeedsPerson):
    """The CA rejected the order, or SCM marked it invalid."""

    ends_order = True


class OrderRevoked(NeedsPerson):
    """The certificate was revoked, or has expired, before it was stored."""

    ends_order = True


class OrderUnknown(NeedsPerson):
    """SCM does not know the order's number (any more)."""


class CertificateMismatch(NeedsPerson):
    """The issued certificate is not what was asked for; nothing was stored."""


class ChainBroken(NeedsPerson):
    """The certificates that came along do not certify the leaf; nothing was stored."""


class KeyLost(NeedsPerson):
    """The order's private key cannot be opened."""


class AcmWouldRefuse(NeedsPerson):
    """ACM would refuse this import; it was not tried (AWS: acm/latest/userguide/import-reimport.html)."""


class AcmRefused(NeedsPerson):
    """ACM refused the import."""


class AcmQuotaReached(NeedsPerson):
    """ACM's quota of imported certificates is used up (AWS: acm/latest/userguide/acm-limits.html)."""


class AcmCertificateMissing(NeedsPerson):
    """The ARN to re-import into does not exist in that account and region."""


class StoreRefused(NeedsPerson):
    """AWS denied a call that the stack's roles should permit."""


def every_error() -> tuple[type[RenewalError], ...]:
    """Return every class of the tree that is raised under its own name (the leaves and AnswerLost's parent)."""
    families = {RenewalError, Retryable, NeedsPerson}
    found: list[type[RenewalError]] = []
    stack: list[type[RenewalError]] = [RenewalError]
    while stack:
        kind = stack.pop()
        stack.extend(kind.__subclasses__())
        if kind not in families:
            found.append(kind)
    return tuple(sorted(set(found), key=lambda kind: kind.__name__))


def _names(kinds: Iterable[type[RenewalError]]) -> frozenset[str]:
    return frozenset(kind.__name__ for kind in kinds)


CREDENTIAL_ERRORS = _names((CredentialRefused, AddressRefused))
"""Names of the errors by which SCM refuses an account."""

NEEDS_PERSON = _names(kind for kind in every_error() if issubclass(kind, NeedsPerson))
"""Names of the errors that the state machine never retries."""

ANSWERED_BY_SCM = NEEDS_PERSON - _names((MandateEnded, CredentialMissing))
"""Names of the errors after which it is known whether SCM accepted the login."""


def error_named(name: str) -> type[RenewalError]:
    """Return the class that a payload or an audit row names; NeedsPerson for a name of another version."""
    return next((kind for kind in every_error() if kind.__name__ == name), NeedsPerson)
