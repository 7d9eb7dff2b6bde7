"""AWS's rules of policy evaluation, as far as our policies use them.

A request is allowed when a statement allows it and none denies it (AWS: IAM/latest/UserGuide,
reference_policies_evaluation-logic.html). An unknown operator or element is an error, so that
no policy is evaluated wrongly.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_ELEMENTS = {"Sid", "Effect", "Action", "Resource", "NotResource", "Condition", "Principal"}
_VARIABLE = re.compile(r"\$\{([^}]+)\}")


class UnknownPolicyElement(Exception):
    """A policy uses something that this evaluator does not support."""


@dataclass(frozen=True, slots=True)
class Request:
    """An action on a resource; *context* holds condition keys, a key may have several values."""

    action: str
    resource: str
    context: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy, its lists made tuples."""

    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Statement:
        """Read a statement. Raises UnknownPolicyElement."""
        if unknown := sorted(set(body) - _ELEMENTS):
            msg = f"statement {body.get('Sid', '')}: {', '.join(unknown)} is not known to this evaluator"
            raise UnknownPolicyElement(msg)
        return cls(
            str(body.get("Sid", "")),
            str(body["Effect"]),
            _texts(body["Action"]),
            _texts(body.get("Resource", ())),
            _texts(body.get("NotResource", ())),
            body.get("Condition", {}),
        )

    def applies(self, request: Request) -> bool:
        """Return whether action, resource and every condition match."""
        return (
            any(_like(request.action.lower(), action.lower()) for action in self.actions)
            and self._covers(request)
            and all(
                _holds(operator, key, _texts(wanted), request.context)
                for operator, tests in self.conditions.items()
                for key, wanted in tests.items()
            )
        )

    def _covers(self, request: Request) -> bool:
        named = self.not_resources or self.resources
        is_named = any(_like(request.resource, _resolved(resource, request.context)) for resource in named)
        return is_named != bool(self.not_resources)


def statements(documents: Iterable[Mapping[str, Any]]) -> list[Statement]:
    """Return the statements of policy documents."""
    return [
        Statement.read(body)
        for document in documents
        for body in (document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]])
    ]


def allowed(policies: Iterable[Statement], request: Request) -> bool:
    """Return AWS's decision: an explicit deny, else an allow, else no."""
    effects = {statement.effect for statement in policies if statement.applies(request)}
    return effects == {"Allow"}


def _holds(operator: str, key: str, wanted: tuple[str, ...], context: Mapping[str, str | tuple[str, ...]]) -> bool:
    given = {name.lower(): value for name, value in context.items()}.get(key.lower())
    if operator == "Null":
        return (given is None) == (wanted == ("true",))
    quantifier, _, base = operator.rpartition(":")
    if base.endswith("IfExists"):
        if given is None:
            return True
        base = base.removesuffix("IfExists")
    if base not in _OPERATORS:
        msg = f"the condition operator {operator} is not known to this evaluator"
        raise UnknownPolicyElement(msg)
    matches, negated = _OPERATORS[base]
    if given is None:
        return negated or quantifier == "ForAllValues"
    patterns = [_resolved(pattern, context) for pattern in wanted]
    hits = [any(matches(value, pattern) for pattern in patterns) != negated for value in _texts(given)]
    return all(hits) if quantifier == "ForAllValues" or negated else any(hits)


def _resolved(pattern: str, context: Mapping[str, str | tuple[str, ...]]) -> str:
    """Return *pattern* with its variables replaced; a variable without value matches nothing."""
    values = {name.lower(): value for name, value in context.items()}
    return _VARIABLE.sub(lambda found: str(values.get(found[1].lower(), "\0")), pattern)


def _like(value: str, pattern: str) -> bool:
    """Return whether *value* matches a pattern of * and ?; brackets mean themselves."""
    return re.fullmatch(fnmatch.translate(re.sub(r"\[", "[[]", pattern)), value) is not None


def _same(value: str, other: str) -> bool:
    return value == other


def _same_truth(value: str, other: str) -> bool:
    return value.lower() == other.lower()


_OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], bool]] = {
    "ArnEquals": (_like, False),
    "ArnLike": (_like, False),
    "ArnNotEquals": (_like, True),
    "ArnNotLike": (_like, True),
    "Bool": (_same_truth, False),
    "StringEquals": (_same, False),
    "StringLike": (_like, False),
    "StringNotEquals": (_same, True),
    "StringNotLike": (_like, True),
}
"""How two values are compared, and whether the operator asks for the opposite."""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(text) for text in value) if isinstance(value, list | tuple) else (str(value),)
