"""All errors, grouped by who reacts to them and how.

The class names are a contract: the state machine matches them as text, and the report and the runbook have them.

    RenewalError
    ├── Retryable      a retry of the same step can help; the state machine waits and retries
    │   └── Pending    a later poll can help; collect returns it as the result `pending`
    └── NeedsAttention a retry cannot help; the operator or the RAO must act
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

Actor = Literal["operator", "rao"]

LONGEST_TEXT = 500
"""Characters of an error's text in a report and beside a certificate; the audit row has all of it."""


class RenewalError(Exception):
    """Base of all errors that certmandate raises."""

    actor: ClassVar[Actor] = "operator"
    """Who must act when it persists."""

    ends_order: ClassVar[bool] = False
    """Whether it ends the open order: its key is erased and an audit row written."""


class Retryable(RenewalError):
    """A retry of the same step can help."""


class Pending(Retryable):
    """An order waits, and nothing is wrong: no state waits for it, a later poll collects it."""


class OrderPending(Pending):
    """SCM has not issued the certificate yet (SCM reference §5.10)."""


class CertificateBeginsLater(Pending):
    """The issued certificate begins in the next days: the order waits, and it is stored then."""


class OrderUnconfirmed(Retryable):
    """The answer to an order was lost; a later search of SCM decides whether it exists."""


class OrderUndecided(OrderUnconfirmed):
    """No search decides it: unless a later one finds the order, the operator must."""


class OrderConflict(Retryable):
    """Another run has just changed this order: read it again and continue from there."""


class RunInProgress(Retryable):
    """An older run is in progress; two runs at once would call SCM with one account more than twice at a time."""


class ScmUnavailable(Retryable):
    """No usable answer from SCM, or one that SCM documents as temporary."""

    is_too_large = False  # the answer has more bytes than are read


class AnswerLost(ScmUnavailable):
    """No usable answer to a call that orders: the effect may have happened (SCM reference §3.7)."""


class StoreUnavailable(Retryable):
    """An AWS service is throttled, busy or down.

    had_no_effect: AWS answered so; otherwise the call may have had its effect, or have it later.
    """

    def __init__(self, text: str, *, had_no_effect: bool = False) -> None:
        super().__init__(text)
        self.had_no_effect = had_no_effect


class NeedsAttention(RenewalError):
    """A retry cannot help."""


class InvalidRequest(NeedsAttention):
    """The execution's input has an unknown field or a wrong type."""


class UnknownDelegation(NeedsAttention):
    """The execution asks for a delegation or certificate that does not exist."""


class TooManyDue(NeedsAttention):
    """So much is due at once that an error of a clock or a policy is likely."""


class OrderLimitReached(NeedsAttention):
    """The run has begun all the orders of the delegation that it may: its plan has more."""


class PlanUnreadable(NeedsAttention):
    """The plan or the results of the run have another form than this version writes."""


class CredentialMissing(NeedsAttention):
    """No usable credential of the delegation is stored."""


class CredentialRefused(NeedsAttention):
    """SCM answered 401: never retried, because SCM counts failed attempts (SCM reference §2.4)."""


class CredentialExpired(NeedsAttention):
    """The account's password has expired; SCM documents no way to change it then, so the RAO sets a new one."""

    actor = "rao"


class PasswordPolicyRefused(NeedsAttention):
    """SCM's password policy refuses a new password (SCM reference §9); the old one stays valid."""


class AddressRefused(NeedsAttention):
    """SCM does not accept the address that the request came from."""

    actor = "rao"


class PermissionMissing(NeedsAttention):
    """The account lacks a privilege or a role."""

    actor = "rao"


class MandateEnded(NeedsAttention):
    """The delegation's own end date has passed."""

    actor = "rao"


class NameNotDelegated(NeedsAttention):
    """A name of the certificate is not delegated to the department."""

    actor = "rao"
    ends_order = True


class DcvLapsed(NeedsAttention):
    """Domain control validation is missing or has expired (BR §4.2.1)."""

    actor = "rao"
    ends_order = True


class OrganisationNotValidated(NeedsAttention):
    """The organisation's validation is missing or has expired."""

    actor = "rao"
    ends_order = True


class ProfileRefused(NeedsAttention):
    """The certificate profile is unknown to the department or does not allow this."""

    ends_order = True


class TermRefused(NeedsAttention):
    """The profile does not offer the term."""

    ends_order = True


class KeyRefused(NeedsAttention):
    """The key's algorithm or size is not accepted."""

    ends_order = True


class FieldRefused(NeedsAttention):
    """SCM requires a field that the delegation file lacks, or has no custom field with a name that the file has."""

    ends_order = True


class RequestRefused(NeedsAttention):
    """SCM cannot use the request as it is."""

    ends_order = True


class ScmRefused(NeedsAttention):
    """SCM refused with a code that has no name here."""


class OrderDeclined(NeedsAttention):
    """An administrator declined the order in SCM."""

    actor = "rao"
    ends_order = True


class OrderRejected(NeedsAttention):
    """The CA rejected the order, or SCM marked it invalid."""

    ends_order = True


class OrderRevoked(NeedsAttention):
    """The certificate was revoked, or has expired, before it was stored."""

    ends_order = True


class OrderUnknown(NeedsAttention):
    """SCM has no order with this SSL ID, or no longer."""


class OrderNotRecorded(NeedsAttention):
    """SCM has an order for the certificate's names that the order book does not have."""


class CertificateMismatch(NeedsAttention):
    """The issued certificate could harm: other key, missing or foreign names, other usage; nothing was stored."""


class CertificateUnusable(NeedsAttention):
    """The issued certificate is for our key and names, but clients would refuse it; nothing was stored.

    Its validity period is over, too far ahead or too long, or it is not valid DER.
    """


class ChainBroken(NeedsAttention):
    """The certificates delivered with the leaf do not lead to a trusted root; nothing was stored."""


class KeyLost(NeedsAttention):
    """The order's private key cannot be opened."""


class AcmWouldRefuse(NeedsAttention):
    """ACM would refuse this import; it was not tried (AWS: acm/latest/userguide/import-reimport.html)."""


class AcmRefused(NeedsAttention):
    """ACM refused the import."""


class AcmQuotaReached(NeedsAttention):
    """ACM's quota of imported certificates is used up (AWS: acm/latest/userguide/acm-limits.html)."""


class AcmCertificateMissing(NeedsAttention):
    """The ARN to re-import into does not exist in that account and region."""


class StoreNotOurs(NeedsAttention):
    """The ARN to re-import into holds another owner's certificate, or one that was not imported."""


class StoreRefused(NeedsAttention):
    """AWS denied a call that the stack's roles should permit."""


class MailRefused(NeedsAttention):
    """SES refused to send a mail to an RAO; nothing was sent."""


class AuditTrailTampered(NeedsAttention):
    """The rows of an audit trail do not follow from what was sealed last: it is not sealed."""


class RecordUnreadable(NeedsAttention):
    """An item of the order book was edited, or written by a newer version.

    delegation, certificate: whose item it is; empty certificate = the delegation itself; both empty = a rule.
    """

    def __init__(self, text: str, *, delegation: str = "", certificate: str = "") -> None:
        super().__init__(text)
        self.delegation = delegation
        self.certificate = certificate

    @property
    def path(self) -> str:
        """`delegation/certificate`, or the delegation."""
        return "/".join(name for name in (self.delegation, self.certificate) if name)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as the state machine caught it: its name and its sentence."""

    error: str
    text: str


def every_error() -> tuple[type[RenewalError], ...]:
    """Return every class that is raised under its own name: all but the families."""
    kinds: set[type[RenewalError]] = {RenewalError}
    while below := {each for kind in kinds for each in kind.__subclasses__()} - kinds:
        kinds |= below
    return tuple(sorted(kinds - {RenewalError, Retryable, Pending, NeedsAttention}, key=lambda kind: kind.__name__))


def _names(kinds: Iterable[type[RenewalError]]) -> frozenset[str]:
    return frozenset(kind.__name__ for kind in kinds)


CREDENTIAL_REFUSALS = (CredentialRefused, AddressRefused)
"""The errors by which SCM refuses an account: another request would be another refused login."""
CREDENTIAL_ERRORS = _names(CREDENTIAL_REFUSALS)
SHOWN_BY_A_LOGIN = CREDENTIAL_ERRORS | _names((CredentialExpired, CredentialMissing))
"""Names of the errors that end with the next login that succeeds: a later inspection shows whether they last."""

NEEDS_ATTENTION = _names(kind for kind in every_error() if issubclass(kind, NeedsAttention))
"""Names of the errors that the state machine never retries."""

ANSWERED_BY_SCM = NEEDS_ATTENTION - _names((MandateEnded, CredentialMissing, RecordUnreadable))
"""Names of the errors after which it is known whether SCM accepted the login."""


def error_named(name: str) -> type[RenewalError]:
    """Return the class named *name*; NeedsAttention for a name of another version."""
    return next((kind for kind in every_error() if kind.__name__ == name), NeedsAttention)


def error_of(failures: Mapping[str, RenewalError], stored: Collection[str] = ()) -> RenewalError:
    """Return the one error that a run reports for *failures*, by store; *stored*: the stores that succeeded.

    An error that a retry can resolve comes first, so that the step is repeated for all stores that failed.
    """
    first = next((error for error in failures.values() if isinstance(error, Retryable)), next(iter(failures.values())))
    if len(failures) == 1 and not stored:
        return first
    done = [f"stored in {', '.join(stored)}"] if stored else []
    failed = (f"{where}: {type(error).__name__}: {error}" for where, error in failures.items())
    return type(first)("; ".join([*done, *failed]))


def shortened(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return *text* as one line of at most *longest* printable characters."""
    line = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
