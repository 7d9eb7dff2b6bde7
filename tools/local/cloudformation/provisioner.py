"""Makes the resources of a template through the service APIs, in the order of their references."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.cloudformation.intrinsics import Intrinsics, UnknownIntrinsic
from local.cloudformation.resources import functions, keys, mail, notifications, orchestration, permissions, storage
from local.cloudformation.resources.properties import NotProvisioned, Properties
from local.cloudformation.resources.resource import Made, Maker
from local.cloudformation.template import Template

MAKERS: Mapping[str, Maker] = {
    **functions.MAKERS,
    **keys.MAKERS,
    **mail.MAKERS,
    **notifications.MAKERS,
    **orchestration.MAKERS,
    **permissions.MAKERS,
    **storage.MAKERS,
}


class Provisioner:
    """One stack: its template, its parameters and the resources made so far."""

    def __init__(self, template: Template, parameters: Mapping[str, str], client: Callable[[str], Any]) -> None:
        self.artifacts = template.artifacts
        self.made: dict[str, Made] = {}
        self._client = client
        self._body = template.body
        self._being_made: list[str] = []
        self._intrinsics = Intrinsics(
            self._body, parameters, resource=lambda name: self._resource(name).ref, attribute=self._attribute
        )

    def client(self, service: str) -> Any:
        """Return the operator's client of a service."""
        return self._client(service)

    def create(self) -> dict[str, str]:
        """Make every resource whose condition holds; return the stack's outputs."""
        for logical_id, resource in self._body["Resources"].items():
            if self._intrinsics.holds(resource):
                self._make(logical_id)
        outputs = self._body.get("Outputs", {})
        return {
            name: str(self._intrinsics.value(output["Value"]))
            for name, output in outputs.items()
            if self._intrinsics.holds(output)
        }

    def physical_names(self, resource_type: str) -> dict[str, str]:
        """Return what Ref gives for each resource of a type, by logical id."""
        types = {name: resource["Type"] for name, resource in self._body["Resources"].items()}
        return {name: made.ref for name, made in self.made.items() if types[name] == resource_type}

    def _make(self, logical_id: str) -> Made:
        if logical_id in self.made:
            return self.made[logical_id]
        if logical_id in self._being_made:
            circle = " -> ".join([*self._being_made, logical_id])
            message = f"the resources refer to each other in a circle: {circle}"
            raise NotProvisioned(message)
        self._being_made.append(logical_id)
        self.made[logical_id] = self._made(logical_id, self._body["Resources"][logical_id])
        self._being_made.pop()
        return self.made[logical_id]

    def _made(self, logical_id: str, resource: Mapping[str, Any]) -> Made:
        maker = MAKERS.get(resource["Type"])
        if maker is None:
            message = f"{logical_id}: {resource['Type']} has no local provisioner: add it to cloudformation/resources"
            raise NotProvisioned(message)
        depends = resource.get("DependsOn", [])
        for other in [depends] if isinstance(depends, str) else depends:
            if self._intrinsics.holds(self._body["Resources"][other]):
                self._make(other)
        properties = Properties(logical_id, resource["Type"], self._intrinsics.value(resource.get("Properties", {})))
        try:
            made = maker(properties, self)
        except (BotoCoreError, ClientError) as refused:
            message = f"{logical_id} ({resource['Type']}): {refused}"
            raise NotProvisioned(message) from refused
        properties.finish()
        return made

    def _attribute(self, logical_id: str, attribute: str) -> str:
        made = self._resource(logical_id)
        if attribute not in made.attributes:
            message = f"{logical_id} has no attribute {attribute} here; it has {', '.join(sorted(made.attributes))}"
            raise UnknownIntrinsic(message)
        return made.attributes[attribute]

    def _resource(self, name: str) -> Made:
        resource = self._body["Resources"].get(name)
        if resource is None:
            message = f"the template refers to {name}, which is neither a parameter nor a resource"
            raise UnknownIntrinsic(message)
        if not self._intrinsics.holds(resource):
            message = f"the template refers to {name}, whose condition {resource['Condition']} does not hold"
            raise UnknownIntrinsic(message)
        return self._make(name)
