"""Domain names: how they are written, and what a delegated name permits.

What a delegation entry permits (SCM reference §7, "`*.example.com` versus `example.com`"):

    idp.univ.example      exactly that name
    univ.example          exactly that name, nothing below it
    *.univ.example        every sub-domain at any depth and every wildcard below it, but not univ.example itself
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable

import idna

MAX_NAME = 253  # characters (RFC 1035 §2.3.4, without the final dot)
MAX_COMMON_NAME = 64  # characters (RFC 5280 appendix A.1, ub-common-name)
_CODE = r"`[^`\n]+`"
_TWO_LABELS = r"(?=[a-z0-9-]+\.[a-z0-9-])"  # one label is the name of a certificate, not of a domain
_WITH_A_LABEL = (
    rf"(?<![\w@./-])(?:\*\.)?{_TWO_LABELS}(?:[a-z0-9-]+\.)*xn--[a-z0-9-]+(?:\.[a-z0-9-]+)*(?![\w@/-]|[.:]\w)"
)
_CODE_OR_NAME = re.compile(rf"{_CODE}|(?P<name>{_WITH_A_LABEL})")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def normalised(text: str) -> str:
    """Return *text* as SCM and certificates spell it: lower case, internationalised labels as A-labels (RFC 5891).

    A leading `*.` is kept. Raises ValueError; its text names the fault.
    """
    name = text.strip().lower()
    star, base = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    base = _to_ascii(base, text)
    _refuse_what_no_public_ca_certifies(base, text)
    if len(star + base) > MAX_NAME:
        msg = f"'{text}' is longer than {MAX_NAME} characters"
        raise ValueError(msg)
    return star + base


def comparable(text: str) -> str:
    """Return *text*, a name as SCM shows it, for comparison: A-labels, lower case, no final dot; never raises."""
    name = text.strip().rstrip(".")
    try:
        return normalised(name)
    except ValueError:
        return name.lower()


def spellings(name: str) -> tuple[str, ...]:
    """Return the normalised *name*, and its U-labels (RFC 5890 §2.3.2.1) where it has any."""
    star, base = ("*.", name[2:]) if is_wildcard(name) else ("", name)
    try:
        return tuple(dict.fromkeys((name, star + idna.decode(base))))
    except UnicodeError:  # idna.IDNAError is one
        return (name,)


def readable(name: str) -> str:
    """Return the normalised *name* for readers: `université.example (xn--universit-l4a.example)`.

    The A-labels are always there: a letter of another script may look like a Latin one.
    """
    shown = spellings(name)[-1]
    return name if shown == name else f"{shown} ({name})"


def with_readable_names(text: str) -> str:
    """Return *text* with each internationalised name in it `readable`.

    What is copied stays as it is: code in backquotes, e-mail addresses, URLs, paths, and names with a port.
    """
    if "xn--" not in text:
        return text
    return _CODE_OR_NAME.sub(lambda found: readable(found["name"]) if found["name"] else found[0], text)


def without_added(names: Iterable[str], wanted: Collection[str]) -> tuple[str, ...]:
    """Return *names* without those that CAs add to *wanted* ones: `www.univ.example` to `univ.example`, and back."""
    return tuple(
        name for name in names if name in wanted or not {f"www.{name}", name.removeprefix("www.")} & set(wanted)
    )


def _to_ascii(base: str, text: str) -> str:
    if base.isascii():
        return base
    try:
        return idna.encode(base, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        msg = f"'{text}' is not a valid internationalised domain name ({error})"
        raise ValueError(msg) from error


def _refuse_what_no_public_ca_certifies(base: str, text: str) -> None:
    if "*" in base:
        msg = f"'{text}': a star may only be the whole first label, as in *.univ.example"
        raise ValueError(msg)
    if base.endswith("."):
        msg = f"'{text}': write the name without the final dot"
        raise ValueError(msg)
    if _is_address(base):
        msg = f"'{text}' is an IP address; only domain names are ordered"
        raise ValueError(msg)
    labels = base.split(".")
    if len(labels) < 2:
        msg = f"'{text}' has no dot; write the full domain name"
        raise ValueError(msg)
    for label in labels:
        if not _LABEL.fullmatch(label):
            msg = f"'{text}': the part '{label}' may only have letters, digits and inner hyphens (1 to 63)"
            raise ValueError(msg)
        if label[2:4] == "--" and not _is_p_label(label):
            msg = f"'{text}': the part '{label}' is not an internationalised label, so no public CA certifies it"
            raise ValueError(msg)


def _is_p_label(label: str) -> bool:
    """Whether it is `xn--` and valid Punycode; other labels with hyphens in these places are reserved (BR §1.6.1)."""
    try:
        return label.startswith("xn--") and bool(label[4:].encode("ascii").decode("punycode"))
    except UnicodeError:
        return False


def _is_address(base: str) -> bool:
    try:
        ipaddress.ip_address(base.strip("[]"))
    except ValueError:
        return False
    return True


def is_wildcard(name: str) -> bool:
    """Return whether *name* starts with a star label."""
    return name.startswith("*.")


def permits(entry: str, name: str) -> bool:
    """Return whether the delegated *entry* permits ordering *name*; both normalised."""
    if is_wildcard(entry):
        base = entry[1:]  # ".univ.example"
        return name.endswith(base) and name != base[1:]
    return entry == name


def not_permitted(entries: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return those of *names* that none of *entries* permits, in their order."""
    known = tuple(entries)
    return tuple(name for name in names if not any(permits(entry, name) for entry in known))


def is_for(names: Iterable[str], host: str) -> bool:
    """Return whether a certificate with *names* is for *host*: a star is one whole label (RFC 9525 §6.3)."""
    parent = host.partition(".")[2]
    return any(name in {host, f"*.{parent}"} for name in names)


def common_name(names: Iterable[str]) -> str:
    """Return the first of *names* that fits into a common name, or "" when none does."""
    return next((name for name in names if len(name) <= MAX_COMMON_NAME), "")
