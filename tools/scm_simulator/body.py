"""The members of a request body, by SCM's rules: -1002 for a wrong JSON type, -1001 for a bad value."""

from __future__ import annotations

from collections.abc import Mapping

from .refusals import must_be_there, refuse
from .wire import Json


class Body:
    """A JSON object from a client. Unknown members are passed over, as SCM does."""

    def __init__(self, members: Mapping[str, Json]) -> None:
        self._members = members

    def __contains__(self, name: str) -> bool:
        return self._members.get(name) is not None

    def text(self, name: str, *, longest: int | None = None) -> str:
        """Return a string, "" when it is not there."""
        value = self._members.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise refuse(-1002)
        if longest is not None and len(value) > longest:
            raise refuse(-1001, name, f"must have at most {longest} characters")
        return value

    def needed_text(self, name: str, *, longest: int = 512) -> str:
        """Return a string of at least one character."""
        value = self.text(name, longest=longest)
        if not value:
            raise must_be_there(name)
        return value

    def number(self, name: str, *, low: int = 1) -> int | None:
        """Return a number, also one written as a string (attested of 2018); None when it is not there."""
        value = self._members.get(name)
        if value is None:
            return None
        if isinstance(value, str) and value.strip().lstrip("-").isdigit():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise refuse(-1002)
        if value < low:
            raise refuse(-1001, name, f"must be greater than or equal to {low}")
        return value

    def needed_number(self, name: str) -> int:
        """Return a number of at least 1."""
        value = self.number(name)
        if value is None:
            raise must_be_there(name)
        return value

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        value = self._members.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise refuse(-1002)
        return value

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return an array of strings; None when it is not there."""
        value = self._members.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise refuse(-1002)
        return tuple(value)

    def numbers(self, name: str) -> tuple[int, ...]:
        """Return an array of numbers, empty when it is not there."""
        value = self._members.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(type(one) is int for one in value):
            raise refuse(-1002)
        return tuple(value)

    def object(self, name: str) -> Body | None:
        """Return an object; None when it is not there."""
        value = self._members.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise refuse(-1002)
        return Body(value)

    def objects(self, name: str) -> tuple[Body, ...]:
        """Return an array of objects, empty when it is not there."""
        value = self._members.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise refuse(-1002)
        return tuple(Body(one) for one in value)
