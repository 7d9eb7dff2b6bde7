"""A delegation's credential as it is stored, and random passwords for SCM accounts."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

LONGEST = 32  # characters; SCM takes no more (SCM reference §9, -976)
_AMBIGUOUS = frozenset("0O1Il")

UPPER = "".join(letter for letter in string.ascii_uppercase if letter not in _AMBIGUOUS)
LOWER = "".join(letter for letter in string.ascii_lowercase if letter not in _AMBIGUOUS)
DIGITS = "".join(digit for digit in string.digits if digit not in _AMBIGUOUS)
SYMBOLS = "!#%*+-.:=?@_~"
"""Safe in an HTTP header, in JSON and in a shell's double quotes but for the exclamation mark."""


@dataclass(frozen=True, slots=True)
class Credential:
    """One stored version of a delegation's credential; its repr shows the version only."""

    version: str
    members: Mapping[str, str] = field(repr=False)
    """`login`, `password`, …: all stored members, also those that the rotation does not use."""

    @property
    def account(self) -> tuple[str, ...]:
        """What names the account: only its own passwords may be changed, or tried in place of one another."""
        customer_uri = self.members.get("customer_uri") or self.members.get("customerUri", "")
        return self.members.get("login", ""), customer_uri, self.members.get("client_id", "")


@dataclass(frozen=True, slots=True)
class PasswordForm:
    """What a password is made of. All its characters differ, so it satisfies every policy against repetition."""

    length: int = LONGEST
    symbols: str = SYMBOLS

    def make(self, login: str, chance: Random) -> str:
        """Return a password by *chance* (a cryptographic one) that does not contain *login*, nor a run like `abc`."""
        while True:
            password = self._drawn(chance)
            if _has_no_run(password) and not (login and login.casefold() in password.casefold()):
                return password

    def _drawn(self, chance: Random) -> str:
        """A letter first, at least a sixth of every kind."""
        kinds = [UPPER, LOWER, DIGITS, *([self.symbols] if self.symbols else [])]
        least = self.length // 6
        drawn = [letter for kind in kinds for letter in chance.sample(kind, min(least, len(kind)))]
        rest = [letter for kind in kinds for letter in kind if letter not in drawn]
        drawn += chance.sample(rest, self.length - len(drawn))
        first = chance.choice([letter for letter in drawn if letter.isalpha()])
        drawn.remove(first)
        chance.shuffle(drawn)
        return first + "".join(drawn)


def _has_no_run(password: str) -> bool:
    codes = [ord(letter) for letter in password.casefold()]
    return not any(
        second - first == third - second and abs(second - first) <= 1
        for first, second, third in zip(codes, codes[1:], codes[2:], strict=False)
    )


def forms() -> Iterator[PasswordForm]:
    """Yield the forms to try, the strongest first, when nothing is known of the policy."""
    yield PasswordForm()
    yield PasswordForm(symbols="")
    yield PasswordForm(length=20)
    yield PasswordForm(length=16, symbols="")


def form_for(policy: str) -> PasswordForm | None:
    """Return the form that the text of a refusal requires, e.g. "between 8 and 16 characters"; None when it names none.

    Only what the text forbids counts: every form has all kinds of characters that are left.
    """
    text = policy.casefold()
    most = [int(number) for pattern in _AT_MOST for number in re.findall(pattern, text)]
    length = min([LONGEST, *(number for number in most if number >= 8)])
    symbols = "" if re.search(_NO_SYMBOLS, text) else SYMBOLS
    form = PasswordForm(length, symbols)
    return None if form == PasswordForm() else form


_AT_MOST = (
    r"between \d+ and (\d+)",
    r"(\d+) or (?:fewer|less) characters(?! (?:of|from))",
    r"(?:at most|no more than|maximum(?: length)?(?: of| is|:)?|not exceed|up to) (\d+)",
    r"must be (\d+) characters",
)
_NO_SYMBOLS = r"(?:illegal|forbidden|not allowed|no special|not contain (?:any )?(?:special|symbol|non)|only letters)"
