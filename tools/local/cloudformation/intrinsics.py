"""CloudFormation's intrinsic functions."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

from local.cloudformation.parameters import ABSENT, PSEUDO_PARAMETERS, REGION, parameter_values

_SUBSTITUTED = re.compile(r"\$\{([^!}][^}]*)\}")


class UnknownIntrinsic(Exception):
    """The template uses an intrinsic function or refers to something that this stack does not have."""


class Intrinsics:
    """Evaluates values of one template.

    given: the parameters given for the stack; the defaults count for the rest.
    resource: returns what Ref gives for a resource.
    attribute: returns what Fn::GetAtt gives for a resource's attribute.
    """

    def __init__(
        self,
        body: Mapping[str, Any],
        given: Mapping[str, str],
        *,
        resource: Callable[[str], Any],
        attribute: Callable[[str, str], Any],
    ) -> None:
        self._conditions = body.get("Conditions", {})
        self._values = {**PSEUDO_PARAMETERS, **parameter_values(body, given)}
        self._resource = resource
        self._attribute = attribute

    def value(self, template: Any) -> Any:
        """Return a template's value with its intrinsic functions evaluated; ABSENT when it is left out."""
        if isinstance(template, list):
            return [item for item in map(self.value, template) if item is not ABSENT]
        if not isinstance(template, dict):
            return template
        if len(template) == 1:
            (name, argument), *_ = template.items()
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                return self._call(name, argument)
        values = {name: self.value(item) for name, item in template.items()}
        return {name: item for name, item in values.items() if item is not ABSENT}

    def condition(self, name: str) -> bool:
        """Evaluate a named condition."""
        if name not in self._conditions:
            message = f"the template has no condition {name}"
            raise UnknownIntrinsic(message)
        return bool(self.value(self._conditions[name]))

    def holds(self, item: Mapping[str, Any]) -> bool:
        """Return whether a resource or output exists: it has no condition, or one that holds."""
        return "Condition" not in item or self.condition(item["Condition"])

    def _ref(self, name: str) -> Any:
        return self._values[name] if name in self._values else self._resource(name)

    def _call(self, name: str, argument: Any) -> Any:
        function = self._FUNCTIONS.get(name)
        if function is None:
            message = f"{name} is not evaluated locally"
            raise UnknownIntrinsic(message)
        return function(self, argument)

    def _get_att(self, argument: Any) -> Any:
        resource, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        return self._attribute(resource, self.value(attribute))

    def _sub(self, argument: Any) -> str:
        text, values = (argument, {}) if isinstance(argument, str) else argument
        replaced = _SUBSTITUTED.sub(lambda match: self._substituted(match.group(1).strip(), values), text)
        return replaced.replace("${!", "${")

    def _substituted(self, name: str, values: Mapping[str, Any]) -> str:
        if name in values:
            return str(self.value(values[name]))
        return str(self._get_att(name) if "." in name else self._ref(name))

    def _if(self, argument: Any) -> Any:
        name, then, otherwise = argument
        return self.value(then if self.condition(name) else otherwise)

    def _cidr(self, argument: Any) -> list[str]:
        block, count, host_bits = self.value(argument)
        parts = ipaddress.ip_network(block).subnets(new_prefix=32 - int(host_bits))
        return [str(next(parts)) for _ in range(int(count))]

    def _equals(self, argument: Any) -> bool:
        left, right = self.value(argument)
        return str(left) == str(right)

    _FUNCTIONS: Mapping[str, Callable[[Intrinsics, Any], Any]] = {
        "Ref": lambda self, name: self._ref(name),
        "Condition": lambda self, name: self.condition(name) if isinstance(name, str) else {"Condition": name},
        "Fn::GetAtt": _get_att,
        "Fn::Sub": _sub,
        "Fn::If": _if,
        "Fn::Equals": _equals,
        "Fn::Cidr": _cidr,
        "Fn::GetAZs": lambda self, region: [f"{self.value(region) or REGION}{zone}" for zone in "abc"],
        "Fn::Not": lambda self, argument: not self.value(argument[0]),
        "Fn::Join": lambda self, argument: argument[0].join(map(str, self.value(argument[1]))),
        "Fn::Split": lambda self, argument: self.value(argument[1]).split(argument[0]),
        "Fn::Select": lambda self, argument: self.value(argument[1])[int(self.value(argument[0]))],
    }
