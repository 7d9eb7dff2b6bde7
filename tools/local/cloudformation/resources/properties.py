"""A resource's properties, each taken once: a property that was not taken is an error, not a silent loss."""

from __future__ import annotations

from typing import Any

from local.cloudformation.parameters import STACK_NAME
from local.cloudformation.resources.ignored import IGNORED_PROPERTIES


class NotProvisioned(Exception):
    """The template asks for something that the local AWS would silently drop: the text names it."""


class Properties:
    """The evaluated properties of one resource."""

    def __init__(self, logical_id: str, resource_type: str, values: dict[str, Any]) -> None:
        ignored = IGNORED_PROPERTIES.get(resource_type, {})
        self.logical_id = logical_id
        self.resource_type = resource_type
        self._values = {name: value for name, value in values.items() if name not in ignored}

    def take(self, name: str, default: Any = None) -> Any:
        """Return a property and count it as provisioned."""
        return self._values.pop(name, default)

    def name(self, field: str) -> str:
        """Return the name that the template gives; without one, CloudFormation's without the random end."""
        return str(self.take(field, f"{STACK_NAME}-{self.logical_id}"))

    def need(self, name: str) -> Any:
        """Return a property that the resource cannot be without."""
        if name not in self._values:
            message = f"{self.logical_id} ({self.resource_type}) needs {name}"
            raise NotProvisioned(message)
        return self._values.pop(name)

    def some(self, *names: str) -> dict[str, Any]:
        """Return those of the properties that are there, by name: for an API whose names are the same."""
        return {name: self._values.pop(name) for name in names if name in self._values}

    def finish(self) -> None:
        """Refuse the resource when a property was not taken."""
        if self._values:
            left = ", ".join(sorted(self._values))
            message = (
                f"{self.logical_id} ({self.resource_type}): {left} not provisioned locally;"
                " provision it in tools/local/cloudformation/resources or give a reason in ignored.py"
            )
            raise NotProvisioned(message)
