"""The error that a response of SCM, or the lack of one, amounts to."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from renewal.adapters.http import AnswerTooLarge
from renewal.adapters.redaction import redacted
from renewal.adapters.scm.error_codes import Code, known
from renewal.adapters.scm.request import ABOUT_ONE_ORDER, MAY_BE_HIDDEN, Operation, Request
from renewal.domain.errors import (
    AddressRefused,
    AnswerLost,
    CredentialRefused,
    OrderPending,
    OrderRevoked,
    OrderUnknown,
    PermissionMissing,
    RenewalError,
    Retryable,
    ScmRefused,
    ScmUnavailable,
)

_TRY_LATER = {408, 425, 429}
_UNSPECIFIC = (ScmRefused, CredentialRefused)
_NOTHING_WAS_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """A refusal of SCM: HTTP status, error code and description. Both texts are redacted."""

    status: int
    number: int | None = None
    """The code as a number; None when there is none, or when it is no number."""
    code: str = ""
    """The code as SCM writes it."""
    description: str = ""
    page: str = ""
    """In place of SCM's JSON: the page's title, the target of the redirect, or the text. Redacted; empty: none."""

    @property
    def is_scms(self) -> bool:
        """Whether SCM has refused, by a code or a description (§3.2), or a login by the status alone (§2.4)."""
        is_refused_login = self.status == httpx.codes.UNAUTHORIZED and not self.page
        return is_refused_login or bool(self.code or self.description)


def error_for(request: Request, answer: ErrorResponse, *, was_answered: bool = False) -> RenewalError:
    """Return the error for a *answer* to *request*; *was_answered*: SCM has answered this login before.

    Its message has the operation, SCM's code and description and the HTTP status, or the title of a page: never a
    header besides `Location`, and never a signing request.
    """
    meaning = known(answer.number, request.operation)
    error = _error(request, answer.status, meaning)
    if error is AddressRefused and answer.page and (was_answered or request.is_order):
        error = ScmUnavailable  # an order is sent only after an inspection has logged in from the same address
    if error is OrderUnknown and answer.page:
        error = ScmUnavailable  # of a proxy that does not know the path; the operator would close an order that exists
    error = _lost_unless_refused(request, answer, error)
    return error(_page_message(request, answer, error) if answer.page else _message(request, answer, meaning))


def error_within(request: Request, answer: ErrorResponse) -> RenewalError:
    """Return the error for a 2xx response whose body reports a *refusal*, as SSL reports do (SCM reference §10.1)."""
    meaning = known(answer.number, request.operation)
    return _error(request, httpx.codes.BAD_REQUEST, meaning)(_message(request, answer, meaning))


def unusable(request: Request, missing: str) -> RenewalError:
    """Return the error for a 2xx response without what it must hold: an empty body, HTML, half a body."""
    error = AnswerLost if request.is_order else ScmUnavailable
    return error(f"SCM's answer to '{request.operation}' holds no {missing}; the request is repeated later")


def no_answer(request: Request, failure: httpx.RequestError) -> RenewalError:
    """Return the error for a *failure* of the connection: AnswerLost when an order may have reached SCM."""
    # Only a failure to connect is quoted: it names the host, whereas the others may quote what was sent.
    name = type(failure).__name__
    cause = f"{name} ({redacted(str(failure))})" if isinstance(failure, httpx.ConnectError) else name
    if request.is_order and not isinstance(failure, _NOTHING_WAS_SENT):
        return AnswerLost(f"SCM's answer to '{request.operation}' was lost: {cause}; the order may exist")
    error = ScmUnavailable(f"SCM did not answer '{request.operation}': {cause}; the request is repeated later")
    error.is_too_large = isinstance(failure, AnswerTooLarge)
    return error


def _error(request: Request, status: int, meaning: Code | None) -> type[RenewalError]:
    if status == httpx.codes.UNAUTHORIZED:
        return CredentialRefused
    error = _applicable(request, meaning.error) if meaning else ScmRefused
    if status == httpx.codes.FORBIDDEN and error in _UNSPECIFIC:
        return AddressRefused
    if status == httpx.codes.NOT_FOUND and error is ScmRefused and request.operation in ABOUT_ONE_ORDER:
        return OrderUnknown
    if status == httpx.codes.NOT_FOUND and error is ScmRefused and request.operation in MAY_BE_HIDDEN:
        return PermissionMissing
    if meaning is None and (status in _TRY_LATER or not httpx.codes.is_client_error(status)):
        return ScmUnavailable
    return error


def _applicable(request: Request, error: type[RenewalError]) -> type[RenewalError]:
    """Return what *error* means for *request*: most errors that end an order do so only in answer to the order itself.

    An error that ends an order erases its key. On any other request the order exists already, or is not ours.
    """
    if error is OrderPending:
        return error if request.operation is Operation.COLLECT else ScmUnavailable
    if error is OrderRevoked:
        return error if request.operation is Operation.COLLECT else ScmRefused
    if error is OrderUnknown:
        return error if request.operation in ABOUT_ONE_ORDER else ScmRefused
    return ScmRefused if error.ends_order and not request.is_order else error


def _lost_unless_refused(request: Request, answer: ErrorResponse, error: type[RenewalError]) -> type[RenewalError]:
    """Return AnswerLost unless the answer to an order proves that nothing was ordered.

    Only a 4xx by which SCM itself refuses does: a proxy may send its page in place of SCM's answer. 429 counts as lost:
    most rate limiters answer before anything is done, but SCM documents none. So do -140 and -195 (CSR decoding, CA not
    available): the vendor does not exclude that the order is stored first. A search costs a request, a second order a
    certificate.
    """
    is_refused = answer.is_scms and httpx.codes.is_client_error(answer.status)
    if request.is_order and (issubclass(error, Retryable) or not is_refused):
        return AnswerLost
    return error


def _page_message(request: Request, answer: ErrorResponse, error: type[RenewalError]) -> str:
    is_address_known = answer.status == httpx.codes.FORBIDDEN and error is not AddressRefused
    hint = ": not the access list, because SCM has answered this login before" if is_address_known else ""
    return f"'{request.operation}' was not answered by SCM's API but by '{answer.page}' (HTTP {answer.status}){hint}"


def _message(request: Request, answer: ErrorResponse, meaning: Code | None) -> str:
    description = answer.description or (meaning.meaning if meaning else "")
    parts = (
        f"code {answer.code}" if answer.code else "no code",
        f"'{description}'" if description else "no description",
    )
    return f"SCM refused to {request.operation}: {', '.join(parts)} (HTTP {answer.status})"
