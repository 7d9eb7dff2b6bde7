"""How names are written, and what a delegated name permits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renewal.domain.names import normalised, not_permitted, permits, with_readable_names, without_added

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
bases = st.lists(labels, min_size=2, max_size=5).map(".".join).filter(lambda name: any(c.isalpha() for c in name))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("idp.univ.example", "idp.univ.example"),
        ("  IDP.Univ.Example ", "idp.univ.example"),
        ("*.Univ.example", "*.univ.example"),
        ("université.example", "xn--universit-j4a.example"),
        ("xn--universit-j4a.example", "xn--universit-j4a.example"),
        ("UNIVERSITÉ.example", "xn--universit-j4a.example"),
        ("universite\u0301.example", "xn--universit-j4a.example"),
        ("*.straße.example", "*.xn--strae-oqa.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("idp。université.example", "idp.xn--universit-j4a.example"),
        ("1.univ.example", "1.univ.example"),
        (f"{'a' * 63}.example", f"{'a' * 63}.example"),
    ],
)
def test_a_name_is_written_as_scm_and_certificates_write_it(text: str, name: str) -> None:
    """Two spellings of one name must be one name, or a renewal would find a change where there is none."""
    assert normalised(text) == name


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "'' has no dot; write the full domain name"),
        ("localhost", "'localhost' has no dot; write the full domain name"),
        ("*.example", "'*.example' has no dot; write the full domain name"),
        ("idp.univ.example.", "'idp.univ.example.': write the name without the final dot"),
        ("université.example.", "'université.example.': write the name without the final dot"),
        ("192.0.2.1", "'192.0.2.1' is an IP address; only domain names are ordered"),
        ("*.192.0.2.1", "'*.192.0.2.1' is an IP address; only domain names are ordered"),
        ("[2001:db8::1]", "'[2001:db8::1]' is an IP address; only domain names are ordered"),
        (
            "xn--99999.example",
            "'xn--99999.example': the part 'xn--99999' is not an internationalised label, so no public CA certifies it",
        ),
        (
            "ab--c.example",
            "'ab--c.example': the part 'ab--c' is not an internationalised label, so no public CA certifies it",
        ),
        ("a.*.example", "'a.*.example': a star may only be the whole first label, as in *.univ.example"),
        ("*.*.univ.example", "'*.*.univ.example': a star may only be the whole first label, as in *.univ.example"),
        ("idp*.univ.example", "'idp*.univ.example': a star may only be the whole first label, as in *.univ.example"),
        ("i_dp.univ.example", "the part 'i_dp' may only have letters, digits and inner hyphens (1 to 63)"),
        ("-idp.univ.example", "the part '-idp' may only have letters, digits and inner hyphens (1 to 63)"),
        ("idp-.univ.example", "the part 'idp-' may only have letters, digits and inner hyphens (1 to 63)"),
        ("idp..example", "the part '' may only have letters, digits and inner hyphens (1 to 63)"),
        ("id p.example", "the part 'id p' may only have letters, digits and inner hyphens (1 to 63)"),
        ("https://idp.example", "the part 'https://idp' may only have letters, digits and inner hyphens (1 to 63)"),
        (f"{'a' * 64}.example", "may only have letters, digits and inner hyphens (1 to 63)"),
        (".".join(["abcdefgh"] * 29), "is longer than 253 characters"),
        ("uni\u2028v.example", "is not a valid internationalised domain name"),
        ("é" * 70 + ".example", "is not a valid internationalised domain name"),
    ],
)
def test_a_name_that_no_public_ca_certifies_is_refused_with_a_sentence(text: str, fault: str) -> None:
    """The operator reads the name as written, and what to write."""
    with pytest.raises(ValueError, match=r".") as refused:
        normalised(text)

    assert fault in str(refused.value)
    assert text in str(refused.value)


@given(bases)
def test_a_normalised_name_is_its_own_normal_form(name: str) -> None:
    """Applying a file twice changes nothing."""
    assert normalised(normalised(name.upper())) == normalised(name)


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_is_refused(text: str) -> None:
    """Nothing that a file can hold ends in a traceback, and what is taken is ASCII without blanks."""
    try:
        name = normalised(text)
    except ValueError:
        return
    assert name.isascii()
    assert name == "".join(name.split()).lower()
    assert len(name) <= 253


@pytest.mark.parametrize(
    ("entry", "name", "is_permitted"),
    [
        ("univ.example", "univ.example", True),
        ("univ.example", "idp.univ.example", False),
        ("univ.example", "*.univ.example", False),
        ("idp.univ.example", "idp.univ.example", True),
        ("idp.univ.example", "univ.example", False),
        ("*.univ.example", "univ.example", False),
        ("*.univ.example", "idp.univ.example", True),
        ("*.univ.example", "a.b.c.univ.example", True),
        ("*.univ.example", "*.univ.example", True),
        ("*.univ.example", "*.apps.univ.example", True),
        ("*.univ.example", "myuniv.example", False),
        ("*.univ.example", "univ.example.evil.example", False),
        ("*.apps.univ.example", "*.univ.example", False),
    ],
)
def test_a_delegated_name_permits_what_scm_permits(entry: str, name: str, is_permitted: bool) -> None:
    """SCM reference §7: a name permits itself, a star permits everything below, but not the name it stands before."""
    assert permits(entry, name) is is_permitted


@given(bases, labels)
def test_a_star_and_its_base_never_permit_each_other(base: str, label: str) -> None:
    """Least privilege: delegating one does not delegate the other."""
    assert not permits(base, f"*.{base}")
    assert not permits(f"*.{base}", base)
    assert permits(f"*.{base}", f"{label}.{base}")
    assert not permits(base, f"{label}.{base}")
    assert not permits(f"*.{base}", f"{label}{base}")


def test_what_is_not_permitted_is_named_in_its_order() -> None:
    """The RAO gets the list as the file has it."""
    entries = ("idp.univ.example", "*.apps.univ.example")
    names = ("z.univ.example", "a.apps.univ.example", "apps.univ.example", "idp.univ.example")

    assert not_permitted(iter(entries), names) == ("z.univ.example", "apps.univ.example")


@pytest.mark.parametrize(
    ("names", "left"),
    [
        ("univ.example www.univ.example", "univ.example"),
        ("univ.example www.univ.example idp.univ.example", "univ.example idp.univ.example"),
        ("univ.example www.idp.univ.example", "univ.example www.idp.univ.example"),
    ],
)
def test_only_the_twin_that_a_ca_adds_is_left_out(names: str, left: str) -> None:
    """Any other name that is not wanted is a change that a renewal must remove."""
    assert without_added(names.split(), ["univ.example"]) == tuple(left.split())
    assert without_added(["www.univ.example", "univ.example"], ["www.univ.example"]) == ("www.univ.example",)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("xn--universit-j4a.example", "université.example (xn--universit-j4a.example)"),
        ("*.xn--universit-j4a.example: expired.", "*.université.example (*.xn--universit-j4a.example): expired."),
        ("a.xn--p1ai, b.example", "a.рф (a.xn--p1ai), b.example"),
        ("xn--pypal-4ve.example", "p\u0430ypal.example (xn--pypal-4ve.example)"),
        ("rao@xn--universit-j4a.example", "rao@xn--universit-j4a.example"),
        ("xn--99999.example", "xn--99999.example"),
        ("idp.univ.example", "idp.univ.example"),
        ("`a` xn--p1ai.example `b`", "`a` рф.example (xn--p1ai.example) `b`"),
    ],
)
def test_a_reader_sees_both_spellings_of_an_internationalised_name(text: str, shown: str) -> None:
    """The RAO read `xn--…` only; of letters that look alike, only the A-labels show the difference."""
    assert with_readable_names(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "run `certmandate renew univ/xn--universit-j4a`",
        "run certmandate renew univ/xn--universit-j4a",
        "`openssl s_client -servername xn--universit-j4a.example`",
        "https://xn--universit-j4a.example/scm",
        "xn--universit-j4a.example/scm",
        "/etc/ssl/xn--universit-j4a.example/cert.pem",
        "xn--universit-j4a.example:443",
        "xn--p1ai.rao@univ.example",
        "1. xn--caf-dma (idp.univ.example): on 1 March 2027",
        "the certificate xn--caf-dma. It is stored",
    ],
)
def test_what_is_copied_keeps_its_a_labels(text: str) -> None:
    """A command with `uêniversit (xn--…)` in it names no certificate, and a shell stops at the parenthesis.

    Nor is a single label a domain name: it is the name of a certificate, as its file has it.
    """
    assert with_readable_names(text) == text


@given(st.text(st.sampled_from("xn-abz09.*@/:` \u202eé"), max_size=300))
def test_every_text_can_be_made_readable(text: str) -> None:
    """Names of SCM and of files are others' texts: nothing of them is lost, and no error ends a mail."""
    shown = with_readable_names(f"{text} xn--{text}")

    assert len(shown) >= len(text)
