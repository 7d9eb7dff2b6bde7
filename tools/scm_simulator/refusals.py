"""Refusals: the error codes of SCM (SCM reference, Appendix A).

Codes are facts; the texts are our own except where a client is known to depend on SCM's, because a client must
use the code. The vendor documents no HTTP status per code: it is 400 except where the reference attests another.
"""

from __future__ import annotations

_TEXTS = {
    0: "Being processed by Sectigo",
    -3: "You are not authorized to perform {0}.",
    -7: "{0} is missing.",
    -9: "The CSR is not Base64.",
    -10: "The CSR cannot be decoded.",
    -11: "The algorithm of the CSR is not supported.",
    -16: "Unknown user",
    -36: "The certificate profile does not offer this term.",
    -37: "No access.",
    -39: "The certificate profile is not offered here.",
    -62: "A mandatory custom field is missing.",
    -102: "Only an issued certificate can be revoked.",
    -103: "The certificate has not been collected.",
    -107: "Domain control validation is not complete, or has expired, for {0}.",
    -109: "The certificate is not available now; try again later.",
    -110: "The certificate is revoked and cannot be downloaded.",
    -111: "There is no certificate profile {0}",
    -123: "There is no certificate to renew.",
    -124: "{0} is not an SSL certificate id.",
    -126: "{0} is not a known certificate file format.",
    -130: "The certificate is not ISSUED: {0}",
    -135: "There is no such custom field.",
    -138: "The CSR is not valid.",
    -139: "External Requester is required.",
    -141: "The key of the CSR must have at least {0} bits.",
    -169: "The certificate is not available; ask an administrator.",
    -170: "CSRs with EC keys are not allowed here.",
    -180: "This certificate profile does not allow renewal.",
    -183: "The certificate cannot be collected.",
    -194: "The key size of the CSR is not supported.",
    -220: "The new password must differ from the old one.",
    -700: "This domain already exists.",
    -705: "The delegation is not in status Requested.",
    -709: "A domain needs at least one delegation.",
    -715: "The domain '{0}' is inactive.",
    -727: "There is no domain '{0}'.",
    -732: "This is not a domain name.",
    -737: "The domains {0} are not validated.",
    -738: "You may not {0} this domain.",
    -843: "Such a certificate cannot be requested while the organisation's validation is '{0}'.",
    -976: "A new password has between {0} and 32 characters.",
    -982: "A new password does not contain the login.",
    -1001: "Value of '{0}' {1}.",
    -1002: "Cannot parse message body",
    -1010: "Domain '{0}' is not allowed.",
    -1021: "Organisation '{0}' does not allow this.",
    -1023: "Organisation '{0}' was not found.",
    -1112: "The certificate cannot be approved in state {0}",
    -1113: "The {0} cannot be changed while the certificate is in state {1}.",
    -1137: "Domain control validation was not done for the domains {0}.",
    -1400: "The request is being processed by Sectigo.",
    -1601: "Field '{0}' has no valid value.",
    -5101: "There is no object with this id: {0}",
    -7306: "Password policy violated: {0}",
}
_STATUS = {-16: 401}


class Refusal(Exception):
    """SCM refuses a call: code, description, HTTP status."""

    def __init__(self, code: int, description: str, *, status: int | None = None) -> None:
        self.code = code
        self.description = description
        self.status = status or _STATUS.get(code, 400)
        super().__init__(f"{self.status} {code} {description}")


def refuse(code: int, *values: object, status: int | None = None) -> Refusal:
    """Return the refusal with *code*, its text filled with *values*."""
    return Refusal(code, _TEXTS[code].format(*values), status=status)


def must_not_be_null(field: str) -> Refusal:
    """Return the refusal of a call that lacks *field*."""
    return refuse(-1001, field, "must not be null")


def not_found(code: int, *values: object) -> Refusal:
    """Return the refusal with *code* as a 404."""
    return refuse(code, *values, status=404)
