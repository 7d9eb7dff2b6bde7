"""What to do about each error: a summary of the section of the same name in `docs/runbook.md`."""

from __future__ import annotations

from dataclasses import dataclass

from certmandate.views.language import language
from renewal.domain.errors import Actor, error_named

AGAIN = "the next run tries again automatically"
ORDERED = "the next daily run orders again"
APPLY = "the operator applies the changed delegation file; the next daily run then continues"
ASK = "the operator runs `certmandate renew {certificates} --force --reason {code}`"
"""After these errors the daily run waits 1 to 8 days before it orders again, unless the operator requests a renewal."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What happened, what to do about it, where, and how renewal continues; who must act is in the error's class."""

    what: str
    do: str
    elsewhere: str = ""
    """Where to act, if not in SCM."""
    then: str = AGAIN
    """How renewal continues; `{certificates}` is replaced with their paths, and `{code}` with the error."""


ADVICE = {
    "CredentialMissing": Advice(
        "No usable credential is stored for this delegation",
        "Store login, password and customerUri (or client_id and client_secret) with `certmandate credential`",
        "AWS: Secrets Manager",
    ),
    "CredentialRefused": Advice(
        "SCM refused the login",
        "Check the account. If it is locked, have it unlocked. If the password is expired or wrong, set and store a "
        "new one. Do not try the old password again: every attempt counts towards the lock. For a new delegation, "
        "check that the host of the portal's address is that of ScmUrl: some organisations use hard.cert-manager.com",
        then="the next daily run tries again automatically",
    ),
    "CredentialExpired": Advice(
        "The account's password has expired",
        "Set a temporary password and give it to the operator by telephone. The operator changes and stores it",
    ),
    "PasswordPolicyRefused": Advice(
        "SCM's password policy refused every new password; the old one is valid until it expires",
        "Set a password that meets the policy in SCM's portal and store it",
    ),
    "AddressRefused": Advice(
        "SCM does not accept our address",
        "Compare our address with the account's access list and correct the list. If every account is refused, our "
        "Elastic IP is lost, and the operator must act",
    ),
    "PermissionMissing": Advice(
        "The account or its department lacks a permission",
        "Tick 'Web API' for SSL in the department, and check that the account is DRAO SSL of it",
    ),
    "MandateEnded": Advice(
        "The mandate for this organisation has ended, so nothing is ordered",
        "Extend the mandate in writing, so that the operator changes mandate_ends; or take the service down",
        then=APPLY,
    ),
    "NameNotDelegated": Advice(
        "A name of the certificate is not delegated to the department in SCM",
        "Delegate exactly that name to the department, for SSL, and check that the delegation is approved",
    ),
    "DcvLapsed": Advice(
        "The domain control validation (DCV) has expired, so no CA may issue for the domain",
        "Validate the domain again",
    ),
    "OrganisationNotValidated": Advice(
        "The organisation validation (OV) has expired",
        "Start the validation today and answer Sectigo's call; it takes several days",
    ),
    "ProfileRefused": Advice(
        "The department may not use the certificate profile of the delegation file",
        "Choose a profile_id that the department has, or ask the RAO to assign this profile to it",
        then=APPLY,
    ),
    "TermRefused": Advice(
        "The certificate profile does not offer a lifetime as short as the delegation file requires",
        "Change or remove term_days in the delegation file",
        then=APPLY,
    ),
    "KeyRefused": Advice(
        "The certificate profile does not accept this key type",
        "Change key in the delegation file to a type that the profile offers",
        then=APPLY,
    ),
    "FieldRefused": Advice(
        "SCM requires a custom field or an external requester that the delegation file lacks, or lacks a custom field "
        "that the file has",
        "Ask the RAO for the value and write it in the delegation file, as `custom_fields: {Name: value}` or "
        "`external_requester: address`; `certmandate check` lists the custom fields",
        then=APPLY,
    ),
    "RequestRefused": Advice(
        "SCM cannot process the request",
        "Read SCM's error above: it names the field",
        then=APPLY,
    ),
    "ScmRefused": Advice(
        "SCM refused the request with a code that has no error of its own here",
        "Read SCM's error above and check the order in SCM; ask Sectigo's support about the code",
    ),
    "OrderDeclined": Advice(
        "An administrator declined the order",
        "Find out who declined it and why. Renewal continues when the operator requests it",
        then=ASK,
    ),
    "OrderRejected": Advice(
        "The CA rejected the order",
        "Find the CA's reason at the order in SCM (a CAA record, a blocked name, a policy) and resolve it",
        then=ASK,
    ),
    "OrderRevoked": Advice(
        "The new certificate was revoked before it was stored; the old one is still in use",
        "Find out who revoked it and why",
        then=ASK,
    ),
    "OrderUnknown": Advice(
        "SCM does not have the open order any more",
        "Search SCM for an order of that name. If there is none, ask Sectigo's support before ordering again",
        then=ORDERED,
    ),
    "CertificateMismatch": Advice(
        "The certificate from SCM has another key, other names or another usage than the order; nothing was stored",
        "Compare the order in SCM with the delegation file, have its certificate revoked, then close the order",
        then=ORDERED,
    ),
    "CertificateBeginsLater": Advice(
        "The new certificate is issued and begins within the next days",
        "Nothing: the next run after that time stores it and orders nothing. Do not have it revoked",
    ),
    "CertificateUnusable": Advice(
        "Clients would refuse the certificate from SCM: its dates or its encoding are wrong; nothing was stored",
        "Ask Sectigo's support about the order, then close it (close-order) and renew. Nothing has to be revoked",
        then=ORDERED,
    ),
    "ChainBroken": Advice(
        "The issuers that SCM sent with the certificate do not lead to a trusted root; nothing was stored",
        "Run the command: it collects the same order again and orders nothing. If the error persists, name the "
        "private CA in PrivateRoots (docs/deploy.md), or ask Sectigo's support",
    ),
    "KeyLost": Advice(
        "The order's private key cannot be decrypted, so its certificate is useless",
        "Check that the KMS key is enabled and not to be deleted. If it is deleted, have the certificate revoked",
        "AWS: KMS",
    ),
    "AcmWouldRefuse": Advice(
        "ACM would refuse the import, so it was not tried",
        "Remove the ARN from the delegation file, so that a new one is created, or keep the ARN's key type. An order "
        "that is already issued stays open, with its key, and is stored once ACM can import it",
        "AWS: ACM",
        then=APPLY,
    ),
    "AcmRefused": Advice(
        "ACM refused the import; the order stays open",
        "Read ACM's error above and resolve it",
        "AWS: ACM",
    ),
    "AcmQuotaReached": Advice(
        "The AWS account has reached its yearly quota of imported certificates",
        "Ask AWS for a higher quota; the order stays open and is stored after that",
        "AWS: Service Quotas > ACM",
    ),
    "AcmCertificateMissing": Advice(
        "The ARN in the delegation file does not exist in this account and region",
        "Correct the ARN in the delegation file, or remove it, so that a new one is created",
        "AWS: ACM",
        then=APPLY,
    ),
    "StoreNotOurs": Advice(
        "The ARN holds another owner's certificate, which is not overwritten; that region gets no new certificate",
        "Correct the ARN in the delegation file, or remove it, so that a new one is created",
        "AWS: ACM",
        then=APPLY,
    ),
    "AuditTrailTampered": Advice(
        "Rows of the audit trail do not follow from what was sealed last",
        "Run `certmandate audit verify` with the delegation, which names the rows",
        "AWS: DynamoDB, the audit table of the stack",
    ),
    "RecordUnreadable": Advice(
        "An item of the order book was edited, or a newer version wrote it; nothing is ordered for it",
        "Deploy the newer version again, or restore the item as it was",
        "AWS: DynamoDB, the table of the stack",
    ),
    "MailRefused": Advice(
        "Amazon SES refused to send a mail to an RAO",
        "Check the identity of MailSender and that the account is outside the sandbox of SES",
        "AWS: Amazon SES, Identities",
    ),
    "StoreRefused": Advice(
        "AWS denied a call that the stack's roles should permit",
        "Read in AWS's text what denied the call: a role, policy or resource that differs from the template, a service "
        "control policy, or a permissions boundary",
        "AWS: CloudTrail",
    ),
    "StoreUnavailable": Advice(
        "An AWS service was throttled or unavailable for as long as the run retried",
        "Check the AWS health page",
        "AWS: Health Dashboard",
    ),
    "ScmUnavailable": Advice(
        "SCM gave no usable answer for as long as the run retried",
        "Check Sectigo's status page",
        "sectigo.status.io",
    ),
    "AnswerLost": Advice(
        "SCM's answer to an order was lost, so it is unknown whether the order exists",
        "Nothing yet: the next run searches for the order by its token before anything is ordered",
    ),
    "OrderUnconfirmed": Advice(
        "SCM has not confirmed an order: its answer was lost, and no search has found the order",
        "Nothing yet: runs search for the order, and send it again after a quiet period",
    ),
    "OrderUndecided": Advice(
        "The answer to an order was lost, and no search can decide whether the order exists",
        "Search SCM for the order's token, which `show` prints; the error above has the command for what you find",
        then="the next run orders it, or collects what SCM has",
    ),
    "OrderNotRecorded": Advice(
        "SCM has an order for these names that the order book does not have, so nothing was ordered",
        "Compare with SCM. Adopt its certificate, or have it declined or revoked; the error above has the commands",
    ),
    "OrderConflict": Advice(
        "Another run is working on this order",
        "Nothing; check that only one schedule starts runs",
        "AWS: Step Functions",
    ),
    "OrderPending": Advice(
        "SCM has not issued the certificate",
        "Find out what the order waits for. Where nothing is missing, ask Sectigo's support; do not order again",
        then="the next run collects it and orders nothing",
    ),
    "InvalidRequest": Advice(
        "The input of the execution is invalid; nothing was changed",
        "Correct the input; the error above names every invalid field",
    ),
    "UnknownDelegation": Advice(
        "The input names a delegation or certificate that is not in the order book; nothing was changed",
        "Correct the name, or apply the delegation file first",
    ),
    "OrderLimitReached": Advice(
        "The run has begun as many orders of the delegation as it may, and its plan has more than check_expiry writes",
        "Find out who wrote the plan: compare the versions of runs/<run id>/plan.json with what is due",
        "AWS: S3, CloudTrail",
    ),
    "TooManyDue": Advice(
        "So many certificates are due by age at once that a wrong clock or policy is likely; no daily run orders them",
        "If all are really due, run `certmandate renew --all-due --all-due-is-right --reason TooManyDue`",
        then="no run orders them before that",
    ),
    "RunInProgress": Advice(
        "An older run was still in progress after this one had waited for ten hours; nothing was ordered",
        "Stop the older run if it hangs; the next run continues where it was",
        "AWS: Step Functions",
    ),
    "PlanUnreadable": Advice(
        "This version cannot read the run's own objects",
        "Check whether two versions are deployed in parallel; the order book is not affected",
        "AWS: S3, runs/<run id>/",
    ),
    "ResultMissing": Advice(
        "The run left no result for this; it was stopped or ran out of time",
        "Check the Map Run of the execution; the next run continues from the order book",
        "AWS: Step Functions",
    ),
}

EVERY_ACCOUNT = Advice(
    "SCM refused every account",
    "Check that our traffic still leaves from the registered address (RegisteredAddress of the network stack), and "
    "restore the address. Only if the address is right, check the accounts one by one",
    "AWS: VPC → Elastic IPs",
)
"""Of a report's common cause: one cause, for any number of delegations."""

UNFORESEEN = Advice(
    "An unforeseen error",
    "Read the function's log of this run. No certificate was ordered twice",
    "AWS: CloudWatch Logs",
)


def advice_for(code: str, actor: Actor) -> Advice:
    """Return the advice for an error or a finding by its code; an error of Lambda or Step Functions is unforeseen.

    What an actor does who is not the one of the error, and what a RAO does about a finding, is as in the RAO's mail.
    """
    english = language("en")
    finding, problems = english.at("findings").get(code), english.at("status.problems")
    if code in ADVICE and (actor == error_named(code).actor or finding is None):
        return ADVICE[code]
    if finding is None and code not in problems:
        return UNFORESEEN
    what = ADVICE[code].what if code in ADVICE else problems.get(code) or english.text(f"findings.{code}.what")
    return Advice(what, finding["do"].rstrip(".") if finding and actor == "rao" else "", then="")
