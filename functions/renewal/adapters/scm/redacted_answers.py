"""SCM's answers without secrets and personal data, for a recording that leaves the organisation.

What is kept is listed. A member that is in no list below keeps its name and type only, and the value of a listed member
is kept only as far as it has the form that the list is for: so neither a new member nor a text in the wrong place gets
into a recording.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import idna

from renewal.adapters.scm.dates import time_from
from renewal.domain.certificate.serial import normalised_serial
from renewal.domain.order import COMMENT_PREFIX

TEXT = "[text]"
"""In place of a text."""
LARGEST = 999_999_999
"""Of the numbers that are kept. SCM's ids are far below, telephone numbers with their country are above."""

_NUMBERS = """
    code department expires_in failedAttempts id orgId organizationId parentId position reasonCode size sslId statusCode
    term terms typeId"""
_FLAGS = "active enabled mandatory renewed required sslCertsApiEnabled"
_DATES = """
    approved created dcvExpiration dcvValidation declined downloaded expirationDate expires failedDate issued
    lastPasswordChange modified passwordExpiryDate renewedDate replaced requested revoked submitted"""
_VOCABULARY = """
    activeState activeStatus backendType backgroundStatus certTypes dateFormat dcvMethod dcvOrderMethod dcvOrderStatus
    dcvStatus delegationStatus description domainCertificateRequestPrivileges error format keyAlgorithm keyType keyTypes
    message passwordState privileges publicKeyAlg publicKeySize publicKeyType requestedVia role signatureAlg state
    status token_type type validationLevel validationMethod validationStatus validationType"""
_HOSTS = "commonName domain domainName subjAltNames subjectAlternativeName subjectAlternativeNames"
_NAMES = "name organizationName parentName"

_WORDS = """
    a access account acme action active address administrator admins alive allow and any api application applied
    approval approve approved are at attempts attributes authorized auto awaiting bearer bulk by ca cannot cert
    certificate certificates charset client cname code collect common configured contact create csr customer date dcv
    declined delegated delegation delete deleted department departments dns does domain domains drao draoextended ec
    edit email empty enroll enrolled enrollment error est ev exist expired expires external file filter for form
    format found greater has hash html http https id idp import in incorrect init initiated invalid ip is iso issued
    json key length level limit list locked login manage managed manager mandatory manual method missing mrao must
    name names no not null object octet of officer older one only or order organization other ov p parameter
    password pem pending perform permitted persist persistent persistently pkcs plain policy possible private
    privilege privileges processed processing profile random rao record rejected renew renewed replace replaced
    report request requested required requires response rest review revoke revoked role rsa sa sasp scep seconds
    select service sha single size smime ssl standard started state status stream subdomain submission submittal
    submitted support suspended temporarily term text than the there this to token txt type unavailable unknown
    unmanaged unsupported url user utf valid validated validation value web while whole wildcard with wrong x you
    1st 2048 256 2nd 3072 384 4096 509 521 8 8192
    """
WORDS = frozenset(_WORDS.split())
"""Words of SCM's states, roles, methods and error texts; none that is known as a name of persons may be added."""

_TERM = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+(?:st|nd)?|[^\x20_./,:;=()-]")
"""A word of `camelCase`, `CONSTANT_CASE` or a sentence; else any one character that is no separator."""
_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?:[T ][\d:.]{5,15}(?:Z|[+-]\d\d:?\d\d)?)?")
_HOST = re.compile(r"[^\s@;,=/]+(?:\.[^\s@;,=/]+)+")
_COMMENT = re.compile(rf"{COMMENT_PREFIX}(?P<token>\S+) for (?P<delegation>[^\s/]+)/(?P<certificate>\S+)")
_SEPARATORS = re.compile(r"([;,\s]+|dNSName=)")
_MEMBER = re.compile(r"[A-Za-z]\w{0,39}", re.ASCII)
_PATH_NUMBER = re.compile(r"\d+")


class AnswerRedaction:
    """Redacts the answers of one recording: the same host, login or organisation gets the same example name in all."""

    def __init__(self) -> None:
        self.kept: set[str] = set()
        """Members of which a value was kept."""
        self._examples: dict[str, dict[str, int]] = {}

    @property
    def replaced(self) -> dict[str, int]:
        """How many different values were replaced by example names, by kind."""
        return {kind: len(numbers) for kind, numbers in self._examples.items()}

    def value(self, value: object, member: str = "") -> Any:
        """Return a JSON value of the member named *member* without what must not be kept."""
        if isinstance(value, dict):
            return {
                self._name(name): self.value(item, name if name in _FORMS else member) for name, item in value.items()
            }
        if isinstance(value, list):
            return [self.value(item, member) for item in value]
        if value is None or value == "":
            return value
        form = _FORMS.get(member)
        kept = form(self, value) if form else None
        if kept is None:
            return _of_the_same_type(value)
        if kept == value:
            self.kept.add(member)
        return kept

    def path(self, path: str) -> str:
        """Return a path of ours, which has no values but numbers."""
        return _PATH_NUMBER.sub(lambda found: str(self.number(found[0]) or 0), path)

    # ---- The forms: each returns None for a value that does not have it ----------------------------------------------

    def number(self, value: object) -> int | str | None:
        """Keep a number of at most nine digits, also one written as text."""
        if isinstance(value, bool) or not isinstance(value, int | str) or not re.fullmatch(r"-?\d{1,9}", str(value)):
            return None
        return value

    def flag(self, value: object) -> bool | None:
        """Keep true and false."""
        return value if isinstance(value, bool) else None

    def date(self, value: object) -> str | None:
        """Keep a date in one of SCM's formats."""
        return value if isinstance(value, str) and _DATE.fullmatch(value) and time_from(value) else None

    def words(self, value: object) -> str | None:
        """Keep the words that are known; other words become three full stops."""
        if not isinstance(value, str):
            return None
        known = _TERM.sub(lambda found: found[0] if found[0].lower() in WORDS else "...", value)
        return re.sub(r"(?:\.\.\.)+", "...", known)

    def hosts(self, value: object) -> str | None:
        """Replace the names in `a; b`, `dNSName=a, dNSName=b` or a single name."""
        if not isinstance(value, str):
            return None
        parts = _SEPARATORS.split(value)
        return "".join(part if index % 2 or not part else self._host(part) for index, part in enumerate(parts))

    def title(self, value: object) -> str | None:
        """Replace the name of a domain, or of an organisation, a department or a profile."""
        if not isinstance(value, str):
            return None
        return self._host(value) if _HOST.fullmatch(value) else f"Name {self._example('names', value)}"

    def login(self, value: object) -> str | None:
        """Replace a login."""
        return f"login-{self._example('logins', value.casefold())}" if isinstance(value, str) else None

    def serial(self, value: object) -> str | None:
        """Replace the digits of a serial; length, leading zeros and separators stay."""
        if not isinstance(value, str) or not re.fullmatch(r"[0-9A-Fa-f: ]{2,80}", value):
            return None
        significant = normalised_serial(value)
        number = self._example("serials", significant)
        digits = sum(character.isalnum() for character in value)
        written = iter(f"A{number:0{max(len(significant) - 1, 1)}}".rjust(digits, "0"))
        return "".join(next(written) if character.isalnum() else character for character in value)

    def comment(self, value: object) -> str | None:
        """Replace token and names of an order of ours; the comment of another order is not kept."""
        match = _COMMENT.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            return None
        token, delegation, certificate = (
            self._example(f"{kind}s", original) for kind, original in match.groupdict().items()
        )
        return f"{COMMENT_PREFIX}{token:032} for delegation-{delegation}/certificate-{certificate}"

    # ---- Example names -----------------------------------------------------------------------------------------------

    def _name(self, name: str) -> str:
        return name if _MEMBER.fullmatch(name) else f"[member {self._example('members', name)}]"

    def _host(self, name: str) -> str:
        """Replace each label by itself, so that a name below another stays below it."""
        bare = name.removesuffix(".")
        return ".".join([*map(self._label, bare.split(".")), "example"]) + name[len(bare) :]

    def _label(self, label: str) -> str:
        """Return an A-label for an A-label and a U-label for a U-label (RFC 5890): SCM may list either."""
        if label in {"*", ""}:
            return label
        unicode = _u_label(label.casefold())
        number = self._example("labels", unicode)
        if unicode.isascii():
            return f"label{number}"
        example = f"é{number}"
        return idna.encode(example).decode() if label.isascii() else example

    def _example(self, kind: str, original: str) -> int:
        """Return the number of *original* among the values of its *kind*, from 1 on."""
        numbers = self._examples.setdefault(kind, {})
        return numbers.setdefault(original, len(numbers) + 1)


def _of_the_same_type(value: object) -> Any:
    if isinstance(value, bool):
        return False
    return 0 if isinstance(value, int | float) else TEXT


def _u_label(label: str) -> str:
    try:
        return idna.decode(label)
    except idna.IDNAError:
        return label


_FORMS: dict[str, Callable[[AnswerRedaction, object], Any]] = {
    name: form
    for names, form in (
        (_NUMBERS, AnswerRedaction.number),
        (_FLAGS, AnswerRedaction.flag),
        (_DATES, AnswerRedaction.date),
        (_VOCABULARY, AnswerRedaction.words),
        (_HOSTS, AnswerRedaction.hosts),
        (_NAMES, AnswerRedaction.title),
        ("login", AnswerRedaction.login),
        ("serialNumber", AnswerRedaction.serial),
        ("comments", AnswerRedaction.comment),
    )
    for name in names.split()
}
