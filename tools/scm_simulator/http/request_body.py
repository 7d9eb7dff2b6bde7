"""The members of a request body, by SCM's rules: -1002 for a wrong JSON type, -1001 for a bad value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from scm_simulator.http.messages import Json
from scm_simulator.refusals import must_not_be_null, refuse

Kind = TypeVar("Kind")


class Body:
    """A JSON object from a client. Unknown members are ignored, as in SCM."""

    def __init__(self, members: Mapping[str, Json]) -> None:
        self._members = members

    def __contains__(self, name: str) -> bool:
        return self._members.get(name) is not None

    def require(self, name: str) -> None:
        """Refuse a body without the member *name*."""
        if name not in self:
            raise must_not_be_null(name)

    def text(self, name: str, *, longest: int | None = None) -> str:
        """Return a string, "" when it is absent."""
        value = self._value(name, str) or ""
        if longest is not None and len(value) > longest:
            raise refuse(-1001, name, f"must have at most {longest} characters")
        return value

    def needed_text(self, name: str, *, longest: int = 512) -> str:
        """Return a string of at least one character."""
        value = self.text(name, longest=longest)
        if not value:
            raise must_not_be_null(name)
        return value

    def number(self, name: str, *, low: int = 1) -> int | None:
        """Return a number, also one written as a string (attested in 2018); None when it is absent."""
        value = self._members.get(name)
        if isinstance(value, str) and value.strip().lstrip("-").isdigit():
            value = int(value)
        if value is not None and type(value) is not int:
            raise refuse(-1002)
        if value is not None and value < low:
            raise refuse(-1001, name, f"must be greater than or equal to {low}")
        return value

    def needed_number(self, name: str) -> int:
        """Return a number of at least 1."""
        value = self.number(name)
        if value is None:
            raise must_not_be_null(name)
        return value

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        value = self._value(name, bool)
        return default if value is None else value

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return an array of strings; None when it is absent."""
        return self._items(name, str) if name in self else None

    def numbers(self, name: str) -> tuple[int, ...]:
        """Return an array of numbers, empty when it is absent."""
        return self._items(name, int)

    def object(self, name: str) -> Body | None:
        """Return an object; None when it is absent."""
        value = self._value(name, dict)
        return None if value is None else Body(value)

    def objects(self, name: str) -> tuple[Body, ...]:
        """Return an array of objects, empty when it is absent."""
        return tuple(Body(members) for members in self._items(name, dict))

    def _value(self, name: str, kind: type[Kind]) -> Kind | None:
        value = self._members.get(name)
        if value is not None and type(value) is not kind:
            raise refuse(-1002)
        return value

    def _items(self, name: str, kind: type[Kind]) -> tuple[Kind, ...]:
        items = self._value(name, list) or []
        if not all(type(item) is kind for item in items):
            raise refuse(-1002)
        return tuple(items)
