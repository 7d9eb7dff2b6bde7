"""Every error code that SCM is known to use, and the error it amounts to (SCM reference §3.2, Appendix A).

The vendor gives no HTTP status for a code, so the code decides and not the status. Meanings are shortened.
Six numbers have two meanings; the operation decides which of them applies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from renewal.adapters.scm.request import Operation
from renewal.domain import errors
from renewal.domain.errors import RenewalError

_MEANINGS: Mapping[type[RenewalError], Mapping[int, str]] = {
    errors.OrderPending: {
        0: "being processed by Sectigo",
        -103: "not collected yet",
        -109: "not available now, try again later",
        -183: "not collectable (S/MIME's code for not issued yet)",
        -1400: "being processed by Sectigo",
    },
    errors.ScmUnavailable: {
        -1: "unknown error",
        -2: "internal error",
        -14: "unknown error",
        -43: "internal error while decrypting",
        -44: "error while generating a key pair",
        -65: "internal error",
        -129: "connection error while applying the certificate",
        -140: "CSR decoding temporarily unavailable",
        -195: "the CA is not available now",
        -196: "connection error while retrieving the DCV e-mail list",
        -728: "delegations were changed by another administrator meanwhile",
        -3114: "modified or deleted by another user meanwhile",
        -3115: "modified or deleted by another user meanwhile, refresh",
    },
    errors.CredentialRefused: {
        -16: "unknown user: login, password, customer URI, lock-out, expiry or address",
        -213: "the old password is incorrect",
        -410: "the customer cannot be found",
        -970: "incorrect login credentials",
    },
    errors.PasswordPolicyRefused: {
        -220: "the password must differ",
        -976: "the new password is too short or too long",
        -977: "the new password must be 32 characters long",
        -982: "the new password must not contain the login",
        -7306: "password policy violated",
    },
    errors.PermissionMissing: {
        -3: "not authorised to perform this",
        -25: "not authorised to execute this",
        -37: "access denied",
        -226: "no privilege to manage this organisation or department",
        -233: "no privilege to create this administrator",
        -234: "no privilege to change this administrator's privileges",
        -253: "no privilege to change this administrator's role",
        -256: "no privilege to assign DCV privileges",
        -524: "no privilege to change this person's e-mail",
        -639: "the organisation or department id is invalid",
        -731: "no privilege to change the name of this domain",
        -738: "not allowed to do this to the domain",
        -993: "certificate orders are restricted at present",
        -1021: "not possible for this organisation or department",
        -1023: "organisation or department not found",
        -1140: "the requester of an EV certificate may not approve it",
        -5001: "no access to the organisation of the rule",
    },
    errors.NameNotDelegated: {
        -715: "the domain is inactive",
        -727: "the domain does not exist",
        -741: "a DRAO's request for the domain awaits approval",
        -1010: "the domain is not allowed",
    },
    errors.DcvLapsed: {
        -107: "domain control validation is incomplete or expired",
        -724: "not possible with this validation status of the domain",
        -737: "the domains are not validated",
        -1137: "the domains have not been validated",
        -1603: "error while validating the domain",
        -1608: "DCV is not enabled for this customer",
    },
    errors.OrganisationNotValidated: {
        -843: "not possible with this validation status of the organisation",
    },
    errors.ProfileRefused: {
        -76: "the key usage template is not allowed",
        -111: "no certificate profile with this id",
        -172: "the client certificate profile is invalid",
        -176: "the list of client certificate profiles was changed meanwhile",
        -180: "the certificate profile does not allow renewal",
        -184: "no client certificate profile is available",
        -185: "the client certificate profile has no terms",
        -834: "departments would be left without a client certificate profile",
        -840: "levels below would be left without a client certificate profile",
        -5109: "device certificate profile not found",
    },
    errors.TermRefused: {
        -36: "the term is invalid for this certificate profile",
    },
    errors.KeyRefused: {
        -11: "the CSR uses an unsupported algorithm",
        -13: "the CSR uses an unsupported key size",
        -78: "the public key is invalid or not supported",
        -141: "the public key is too short",
        -170: "CSRs with EC keys are not allowed",
        -194: "the CSR uses an unsupported key size",
        -1138: "error while checking the size of the public key",
    },
    errors.FieldRefused: {
        -135: "custom field not found",
        -139: "an external requester is required",
    },
    errors.RequestRefused: {
        -7: "a required value is missing",
        -10: "error while decoding the CSR",
        -35: "the server type is invalid",
        -64: "the optional field 'name' is invalid",
        -126: "unknown certificate file format",
        -131: "too many custom fields for the customer",
        -134: "the custom field's name is not unique",
        -138: "invalid CSR",
        -160: "two fields with the same name",
        -164: "local names and private addresses are not certified for so long",
        -221: "select an organisation or department for each role",
        -222: "roles must be of the same level",
        -223: "select only one organisation or department for each role",
        -237: "the administrator's e-mail is invalid",
        -255: "the DCV privilege is for SSL administrators only",
        -303: "the scan range is too wide",
        -304: "incorrect CIDR",
        -305: "the range is too wide",
        -306: "the domain name is too long",
        -500: "the person's name is empty",
        -508: "a new person needs a name",
        -518: "unknown e-mail address",
        -615: "a scan needs a range",
        -709: "a domain needs a delegation",
        -712: "the domain name is too short",
        -713: "the domain name is too long",
        -714: "the domain name has too few dots",
        -723: "not a high-level domain",
        -732: "invalid domain name",
        -951: "at least one of some fields must be filled in",
        -1001: "a value breaks its constraint",
        -1002: "cannot parse the message body",
        -1450: "unsupported certificate format",
        -1601: "a field has an invalid value",
        -3301: "invalid scan range",
        -5002: "assignment rules are empty",
    },
    errors.OrderRevoked: {
        -110: "revoked, cannot be downloaded",
        -192: "revoked (S/MIME's code)",
    },
    errors.OrderUnknown: {
        -124: "wrong SSL certificate id",
        -166: "no valid certificate with these data",
        -169: "not available, contact the administrator",
        -1104: "invalid order number",
        -1117: "there is no such SSL certificate",
        -5101: "certificate not found",
    },
    errors.ScmRefused: {
        -102: "only issued certificates can be revoked",
        -123: "the certificate to renew is invalid",
        -130: "the certificate is not in state ISSUED",
        -181: "the anchor certificate does not match",
        -188: "the user has as many valid certificates as allowed",
        -219: "the role of the only such administrator cannot be changed",
        -249: "the administrator has been deleted",
        -429: "the customer has no login name at the CA",
        -507: "the person's organisation cannot be changed",
        -607: "no agent scans this private range",
        -637: "no agent scans this public range",
        -700: "the domain exists already",
        -705: "the delegation is not in status Requested",
        -707: "the delegation request has been deleted",
        -711: "a domain cannot be delegated to a deleted organisation",
        -740: "not possible while certificates exist for the domain",
        -1108: "no valid client certificates",
        -1112: "cannot be approved in this state",
        -1113: "not ready to be applied in this state",
        -1144: "must be discovered again",
        -1148: "automatically installed certificates cannot be replaced",
        -5003: "the rule is in use",
    },
}

_TWO_MEANINGS: Mapping[int, tuple[tuple[Operation | None, type[RenewalError], str], ...]] = {
    # None: in answer to any other operation.
    -9: (
        (Operation.ENROLL, errors.RequestRefused, "the CSR is not valid Base64"),
        (None, errors.ScmRefused, "unknown notification type"),
    ),
    -39: (
        (Operation.ENROLL, errors.ProfileRefused, "the certificate profile id is invalid"),
        (None, errors.ScmRefused, "explained only in the description"),
    ),
    -62: (
        (Operation.ENROLL, errors.FieldRefused, "a mandatory custom field is missing"),
        (None, errors.ScmRefused, "invalid IP address"),
    ),
    -105: (
        (Operation.MARK_RENEWED, errors.ScmRefused, "error while renewing"),
        (None, errors.ScmRefused, "person not found"),
    ),
    -159: (
        (Operation.COLLECT, errors.OrderRevoked, "already revoked"),
        (None, errors.ScmRefused, "too many custom fields for the customer"),
    ),
    -618: (
        (Operation.COLLECT, errors.OrderUnknown, "not available (text not published)"),
        (None, errors.ScmUnavailable, "discovery is running, try again later"),
    ),
}


@dataclass(frozen=True, slots=True)
class Code:
    """One meaning of one number."""

    number: int
    meaning: str
    error: type[RenewalError]
    operation: Operation | None = None
    """The operation for which it has that meaning; None = every operation without a meaning of its own."""


CODES = (
    *(Code(number, meaning, error) for error, group in _MEANINGS.items() for number, meaning in group.items()),
    *(Code(number, meaning, error, at) for number, group in _TWO_MEANINGS.items() for at, error, meaning in group),
)
_BY_NUMBER = {(code.number, code.operation): code for code in CODES}


def known(number: int | None, operation: Operation) -> Code | None:
    """Return what *number* means in answer to *operation*; None when it is unknown, or when there is none."""
    if number is None:
        return None
    return _BY_NUMBER.get((number, operation)) or _BY_NUMBER.get((number, None))
