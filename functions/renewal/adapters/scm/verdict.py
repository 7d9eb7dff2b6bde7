"""The error that an answer amounts to, and the sentence about it."""

from __future__ import annotations

from collections.abc import Iterable

import httpx

from renewal.adapters.scm.answers import Members, members, text, whole
from renewal.adapters.scm.call import ABOUT_ONE_ORDER, LOOKS, Call, Operation
from renewal.adapters.scm.excerpt import excerpt
from renewal.adapters.scm.refusals import Code, known
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
_NO_BETTER_NAME = (ScmRefused, CredentialRefused)


def verdict(call: Call, answer: httpx.Response, secrets: Iterable[str] = ()) -> RenewalError:
    """Return the error for an *answer* to *call* that isn't the one hoped for.

    Its message has the operation, SCM's code and description (without *secrets*) and the HTTP status: never a
    header, a signing request or a body.
    """
    said = members(answer)
    code = whole(said.get("code"))
    meaning = known(code, call.operation)
    kind = _ordered_or_not(call, answer, _kind(call, answer.status_code, meaning))
    return kind(_sentence(call, answer, said, meaning, secrets))


def failed_within(call: Call, answer: httpx.Response, code: int | None, secrets: Iterable[str]) -> RenewalError:
    """Return the error for a 2xx *answer* whose body says that it failed with *code* (reports do, §10.1)."""
    meaning = known(code, call.operation)
    said = {"code": code, "description": members(answer).get("message")}
    return _kind(call, 400, meaning)(_sentence(call, answer, said, meaning, secrets))


def unusable(call: Call, what: str) -> RenewalError:
    """Return the error for a 2xx answer that doesn't hold *what* it must: nothing, HTML, half a body."""
    kind = AnswerLost if call.orders else ScmUnavailable
    return kind(f"SCM's answer to {call.operation} holds no {what}")


def _kind(call: Call, status: int, meaning: Code | None) -> type[RenewalError]:
    if status == httpx.codes.UNAUTHORIZED:
        return CredentialRefused
    kind = _fitting(call, meaning.error) if meaning else ScmRefused
    if status == httpx.codes.FORBIDDEN and kind in _NO_BETTER_NAME:
        return AddressRefused
    if status == httpx.codes.NOT_FOUND and kind is ScmRefused and call.operation in ABOUT_ONE_ORDER:
        return OrderUnknown
    if status == httpx.codes.NOT_FOUND and kind is ScmRefused and call.operation in LOOKS:
        return PermissionMissing
    if meaning is None and (status in _TRY_LATER or not httpx.codes.is_client_error(status)):
        return ScmUnavailable
    return kind


def _fitting(call: Call, kind: type[RenewalError]) -> type[RenewalError]:
    """Return what *kind* means here: most that ends an order does so only in answer to the order itself.

    An error that ends an order erases its key. On any other call the order exists, or is somebody else's.
    """
    if kind is OrderPending:
        return kind if call.operation is Operation.COLLECT else ScmUnavailable
    if kind is OrderRevoked:
        return kind if call.operation is Operation.COLLECT else ScmRefused
    if kind is OrderUnknown:
        return kind if call.operation in ABOUT_ONE_ORDER else ScmRefused
    return ScmRefused if kind.ends_order and not call.orders else kind


def _ordered_or_not(call: Call, answer: httpx.Response, kind: type[RenewalError]) -> type[RenewalError]:
    """Return AnswerLost unless the answer to a call that orders proves that nothing was ordered.

    Only a 4xx that refuses does. 429 counts as lost although most rate limiters answer before anything is
    done: SCM documents none, so nobody has promised it. So do -140 and -195 (CSR decoding, CA not available):
    nobody has said that the order isn't stored first. A look at SCM costs a request, a second order a
    certificate.
    """
    if call.orders and (issubclass(kind, Retryable) or not httpx.codes.is_client_error(answer.status_code)):
        return AnswerLost
    return kind


def _sentence(call: Call, answer: httpx.Response, said: Members, meaning: Code | None, secrets: Iterable[str]) -> str:
    code = excerpt(text(said.get("code")), secrets)
    description = excerpt(text(said.get("description")), secrets) or (meaning.meaning if meaning else "")
    words = [f"code {code}" if code else "no code", f"'{description}'" if description else "no description"]
    return f"SCM refused to {call.operation}: {', '.join(words)} (HTTP {answer.status_code})"
