"""What to do about each error: for somebody who was woken by it.

`docs/runbook.md` has a section of the same name for each; this is its shortest form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from renewal.domain.setup.scm_menu import screen_of

Who = Literal["operator", "RAO", "nobody yet"]

AGAIN = "the next run tries again by itself"
APPLY = "apply the changed delegation file; the next run goes on from there"
ASK = 'start an execution with {{"certificates": [{certificates}], "force": true, "reason": "…"}}'
"""After these the daily run holds back for 1 to 8 days before it orders again, unless somebody asks."""


@dataclass(frozen=True, slots=True)
class Advice:
    """`what` happened, in words; `who` must act; what they `do`; `elsewhere` than in SCM they do it."""

    what: str
    who: Who
    do: str
    elsewhere: str = ""
    then: str = AGAIN
    """How renewal goes on once it is done; `{certificates}` stands for the JSON names of those concerned."""


ADVICE = {
    "CredentialMissing": Advice(
        "No usable credential is stored for this delegation",
        "operator",
        "Store login, password and customerUri (or client_id and client_secret) under the delegation's name",
        "AWS: Secrets Manager",
    ),
    "CredentialRefused": Advice(
        "SCM refused the login",
        "operator",
        "Look at the account. Locked: have it unlocked. Expired or wrong: set a new password and store it. "
        "Do not try the old one again: every attempt counts towards the lock",
    ),
    "CredentialExpired": Advice(
        "The account's password has expired",
        "RAO",
        "Set a temporary password and tell the operator by telephone, who changes and stores it",
    ),
    "PasswordPolicyRefused": Advice(
        "SCM's password policy took none of the new passwords; the old one stays good until it expires",
        "operator",
        "Set a password that fits in SCM's portal and store it",
    ),
    "AddressRefused": Advice(
        "SCM does not accept the address that we come from",
        "RAO",
        "Compare our address with the account's access list and correct the list. "
        "If it is refused everywhere, our Elastic IP is lost: that is for the operator",
    ),
    "PermissionMissing": Advice(
        "The account or its department may not do this",
        "RAO",
        "Tick 'Enable Web / REST API' for SSL in the department, and see that the account is DRAO SSL of it",
    ),
    "MandateEnded": Advice(
        "The mandate to renew for this organisation is over; nothing is ordered any more",
        "RAO",
        "Prolong it in writing, for the operator to change mandate_ends; or take the service down",
        then=APPLY,
    ),
    "NameNotDelegated": Advice(
        "A name of the certificate is not delegated to the department in SCM",
        "RAO",
        "Delegate exactly that name to the department, for SSL, and see that the delegation is approved",
    ),
    "DcvLapsed": Advice(
        "The domain's control validation (DCV) has lapsed, so no CA may issue for it",
        "RAO",
        "Validate the domain anew",
    ),
    "OrganisationNotValidated": Advice(
        "The organisation's own validation (OV) has lapsed",
        "RAO",
        "Start its validation anew and answer Sectigo's call; that takes days, so today",
    ),
    "ProfileRefused": Advice(
        "The department may not use the certificate profile that the delegation file names",
        "operator",
        "Choose a profile_id that the department has, or ask the RAO to assign this one to it",
        then=APPLY,
    ),
    "TermRefused": Advice(
        "The certificate profile does not offer a lifetime as short as the delegation file asks for",
        "operator",
        "Change or remove term_days in the delegation file",
        then=APPLY,
    ),
    "KeyRefused": Advice(
        "The certificate profile does not take this type of key",
        "operator",
        "Change key in the delegation file to a type that the profile offers",
        then=APPLY,
    ),
    "RequestRefused": Advice(
        "SCM cannot use the request as it stands",
        "operator",
        "Read SCM's sentence above; it names the field. A mandatory custom field is for the RAO to make optional",
    ),
    "ScmRefused": Advice(
        "SCM said no with a code that has no better name",
        "operator",
        "Read SCM's sentence above and look at the order in SCM; ask Sectigo's support with the code",
    ),
    "OrderDeclined": Advice(
        "An administrator declined the order",
        "RAO",
        "Find out who declined it and why. It goes on when the operator asks for it",
        then=ASK,
    ),
    "OrderRejected": Advice(
        "The CA rejected the order",
        "operator",
        "Look at the order for the CA's reason: a CAA record, a blocked name, a policy. Mend it",
        then=ASK,
    ),
    "OrderRevoked": Advice(
        "The new certificate was revoked before it was stored; the old one is still in use",
        "operator",
        "Find out who revoked it and why",
        then=ASK,
    ),
    "OrderUnknown": Advice(
        "SCM does not know the open order any more",
        "operator",
        "Look in SCM for an order of that name. If there is none, ask Sectigo's support before ordering again",
    ),
    "CertificateMismatch": Advice(
        "SCM issued something else than was asked for, or it has expired meanwhile; nothing was stored",
        "operator",
        "Compare the order in SCM with the delegation file, have its certificate revoked, and close it (close-order)",
    ),
    "ChainBroken": Advice(
        "The issuers that came with the certificate do not certify it; nothing was stored",
        "operator",
        "Nothing is lost: the order stays open and is collected again. If it persists, ask Sectigo's support",
    ),
    "KeyLost": Advice(
        "The order's private key cannot be opened, so its certificate is of no use",
        "operator",
        "See that the KMS key is enabled and not about to be deleted. If it is gone, revoke the certificate",
        "AWS: KMS",
    ),
    "AcmWouldRefuse": Advice(
        "ACM would refuse the import, so it was not tried",
        "operator",
        "Take the ARN out of the delegation file, so that a new one is made, or keep the ARN's key type. An order that "
        "is issued already stays open, with its key, and is stored once ACM can take it",
        "AWS: ACM",
        then=APPLY,
    ),
    "AcmRefused": Advice(
        "ACM refused the import; the order stays open",
        "operator",
        "Read ACM's sentence above",
        "AWS: ACM",
    ),
    "AcmQuotaReached": Advice(
        "The AWS account has imported as many certificates as it may in a year",
        "operator",
        "Ask AWS for a higher quota of imported certificates; the order stays open and is stored then",
        "AWS: Service Quotas > ACM",
    ),
    "AcmCertificateMissing": Advice(
        "The ARN that the delegation file names does not exist in this account and region",
        "operator",
        "Correct the ARN in the delegation file, or take it out, so that a new one is made",
        "AWS: ACM",
        then=APPLY,
    ),
    "StoreRefused": Advice(
        "AWS denied a call that the stack's roles should permit",
        "operator",
        "See that the stack is deployed whole and that nobody changed its roles, key or bucket",
        "AWS: CloudTrail",
    ),
    "StoreUnavailable": Advice(
        "An AWS service was throttled or down for the whole patience of the run",
        "operator",
        "See the AWS health page",
        "AWS: Health Dashboard",
    ),
    "ScmUnavailable": Advice(
        "SCM did not answer usefully for the whole patience of the run",
        "operator",
        "See Sectigo's status page",
        "sectigo.status.io",
    ),
    "AnswerLost": Advice(
        "SCM's answer to an order was lost, and it is not known whether the order exists",
        "operator",
        "Nothing yet: the next run looks for the order by its token before anything is ordered",
    ),
    "OrderUnconfirmed": Advice(
        "SCM's answer to an order was lost, and SCM does not list the order yet",
        "operator",
        "Nothing yet: the next run looks for the order by its token before anything is ordered",
    ),
    "OrderConflict": Advice(
        "Another run works on this order",
        "operator",
        "Nothing; see that only one schedule starts runs",
        "AWS: Step Functions",
    ),
    "OrderPending": Advice(
        "SCM has not issued yet", "nobody yet", "Nothing: the next run collects it and orders nothing"
    ),
    "InvalidRequest": Advice(
        "The execution's input is not understood; nothing was touched",
        "operator",
        "Correct the input; the sentence above names every field that is wrong",
    ),
    "InvalidDelegation": Advice(
        "A delegation in the order book cannot be used",
        "operator",
        "Correct the delegation file and apply it again",
    ),
    "UnknownDelegation": Advice(
        "The run asks for something that the order book does not have; nothing was touched",
        "operator",
        "Correct the name, or apply the delegation file first",
    ),
    "TooManyDue": Advice(
        "So much is due at once that a wrong clock or policy is likelier than the truth; nothing was ordered",
        "operator",
        "If it is true, start an execution with a reason and all_due_is_right",
    ),
    "PlanUnreadable": Advice(
        "The run's own objects are not what this version wrote",
        "operator",
        "See whether two versions are deployed side by side; the order book is untouched by this",
        "AWS: S3, runs/<run id>/",
    ),
    "ResultMissing": Advice(
        "The run left no result for this; it was stopped or ran out of time",
        "operator",
        "Look at the execution's Map Run; the next run goes on from where the order book stands",
        "AWS: Step Functions",
    ),
}

EVERYBODY = Advice(
    "SCM refused every account that was tried",
    "operator",
    "See that we still leave by the registered address (the network stack's RegisteredAddress), and put it back. "
    "Only when it is right, look at the accounts one by one",
    "AWS: VPC → Elastic IPs; SCM: Settings → Access Control → Organization ACL",
)
"""Of a report's common cause: one thing to mend, whatever the number of delegations."""

UNFORESEEN = Advice(
    "Something that nobody foresaw",
    "operator",
    "Read the function's log of this run. Nothing was ordered twice, whatever it was",
    "AWS: CloudWatch Logs",
)


def where(error: str) -> str:
    """Return where an error is mended: the screen in SCM, or elsewhere; empty when it is mended in our own files."""
    screen = screen_of(error)
    return f"SCM: {screen}" if screen else advice_for(error).elsewhere


def advice_for(error: str) -> Advice:
    """Return the advice for an error by its name; one that is Lambda's or Step Functions' own is unforeseen."""
    return ADVICE.get(error, UNFORESEEN)
