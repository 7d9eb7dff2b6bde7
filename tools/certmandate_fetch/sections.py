"""Files of `[sections]` with lines of `key = value`, and comments that begin with `#`; every fault with its line.

configparser, of the standard library, drops the numbers of the lines.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from certmandate_fetch.errors import ConfigurationInvalid


class Faults:
    """What is wrong with a file, in the order of its lines when it is raised."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: list[tuple[int, str]] = []

    def add(self, line: int, text: str) -> None:
        """Add a fault of *line*."""
        self._found.append((line, f"{self._path}:{line}: {text}"))

    def require_none(self) -> None:
        """Raises ConfigurationInvalid."""
        if self._found:
            raise ConfigurationInvalid("\n".join(text for _, text in sorted(self._found)))


class Section:
    """One section. A value that is asked for and is wrong becomes a fault, and its default is returned."""

    def __init__(self, title: str, line: int, faults: Faults) -> None:
        self.title, self.line = title, line
        self._faults = faults
        self._values: dict[str, tuple[str, int]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def enter(self, key: str, value: str, line: int) -> None:
        """Add a line of the file."""
        if not value or key in self._values:
            self._faults.add(
                line, f"'{key}' is set in line {self._values[key][1]}" if value else f"'{key}' has no value"
            )
        self._values.setdefault(key, (value, line))

    def fault(self, key: str, text: str) -> None:
        """Add a fault of the key's line, or of the section's when the key is missing."""
        self._faults.add(self._values.get(key, ("", self.line))[1], f"{key}: {text}")

    def require_known(self, keys: tuple[str, ...]) -> None:
        """Add a fault for every key that is none of *keys*."""
        for key in self._values:
            if key not in keys:
                self.fault(key, f"not a key of [{self.title}]; known are {', '.join(keys)}")

    def text(self, key: str, default: str | None = None, pattern: str = "", what: str = "") -> str:
        """Return a value; without *default* the key is required. *what*: what a value that fits *pattern* is."""
        if key not in self._values:
            if default is None:
                self.fault(key, f"is missing in [{self.title}]")
            return default or ""
        value = self._values[key][0]
        if pattern and not re.fullmatch(pattern, value):
            self.fault(key, f"'{value}' is not {what}")
            return default or ""
        return value

    def path(self, key: str, default: str | None = None, *, is_file: bool = False) -> Path:
        """Return an absolute path; with *is_file*, one of a file that exists."""
        found = Path(self.text(key, default))
        if key in self._values and not found.is_absolute():
            self.fault(key, f"'{found}' is not an absolute path")
        elif key in self._values and is_file:
            with self.examined(key):
                if not stat.S_ISREG(found.stat().st_mode):
                    self.fault(key, f"{found} is not a file")
        return found

    @contextmanager
    def examined(self, key: str) -> Iterator[None]:
        """Add a fault of the key's line where the system refuses to examine a path: rights, a loop of links."""
        try:
            yield
        except FileNotFoundError as error:
            self.fault(key, f"there is no file {error.filename}")
        except OSError as error:
            self.fault(key, f"{error.filename}: {error.strerror}")


def read_sections(path: Path, titles: Mapping[str, str], faults: Faults) -> Iterator[Section]:
    """Yield the sections. *titles*: pattern of each title, and what it is called. Raises ConfigurationInvalid."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}"
        raise ConfigurationInvalid(msg) from None
    section = None
    for number, line in enumerate(map(str.strip, lines), start=1):
        key, equals, value = (part.strip() for part in line.partition("="))
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            section = Section(" ".join(line.strip("[]").split()), number, faults)
            if not any(re.fullmatch(pattern, section.title) for pattern in titles):
                faults.add(number, f"{line} is neither {' nor '.join(titles.values())}")
            yield section
        elif section and equals:
            section.enter(key, value, number)
        else:
            faults.add(number, "neither [section], nor 'key = value' in a section, nor a comment that begins with #")
