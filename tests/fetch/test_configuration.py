"""Faults of the configuration file, each with its line."""

from __future__ import annotations

import re

import pytest

from certmandate_fetch.configuration import Endpoint, read_configuration
from certmandate_fetch.errors import ConfigurationInvalid
from tests.fetch.host import NAME, Host


def faults(host: Host) -> list[str]:
    """What is wrong with the file, without its path."""
    with pytest.raises(ConfigurationInvalid) as found:
        read_configuration(host.configuration)
    lines = str(found.value).splitlines()
    assert all(line.startswith(f"{host.configuration}:") for line in lines)
    return [line.removeprefix(f"{host.configuration}:") for line in lines]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("colour = blue", "colour: not a key of"),
        ("haproxy", "neither [section], nor"),
        ("haproxy = maybe", "'maybe' is not yes or no"),
        ("haproxy =", "'haproxy' has no value"),
        ("mode = 0644", "'0644' is not 0400, 0440, 0600 or 0640: it holds a key"),
        ("owner = no-such-user", "this system has no owner no-such-user"),
        ("group = no-such-group", "this system has no group no-such-group"),
        ("keystore = key.p12", "'key.p12' is not an absolute path"),
        ("keystore = /no-such-folder/key.p12", "there is no folder /no-such-folder"),
        ("keystore = /tmp/key.p12", "password_file: is missing"),
        ("test = 'nginx -t", "No closing quotation"),
        ("reload = no-such-program", "there is no program no-such-program"),
        ("connect = localhost", "'localhost' is not ADDRESS:PORT or ADDRESS:PORT/NAME"),
        ("connect = localhost:70000", "'localhost:70000' is not ADDRESS:PORT or ADDRESS:PORT/NAME"),
        ("names = a.univ.example", "'names' is set in line 7"),
        ("[certificat www]", "[certificat www] is neither [store] nor [certificate NAME]"),
        ("[certificate idp]", "certificate idp: as in the section of line 6"),
        ("[store]", "one section [store]"),
    ],
)
def test_a_fault_has_its_file_and_line(host: Host, line: str, fault: str):
    """The file is written by hand, on servers whose administrators have not read the source."""
    host.declare(line)

    number = len(host.configuration.read_text().splitlines())
    found = faults(host)

    assert any(fault in each and re.match(f"({number}|6|1): ", each) for each in found), found


@pytest.mark.parametrize("other", ["{0}/www", "{0}/./www", "{0}/link/www"])
def test_two_certificates_in_one_folder_are_refused(host: Host, other: str):
    """Each run would replace the one by the other, however the folder is written."""
    (host.folder / "link").symlink_to(host.folder)
    host.declare("[certificate www]", f"names = {NAME}", f"folder = {other.format(host.folder)}")

    assert any(f"{host.folder}/www: as in the section of line 6" in fault for fault in faults(host))


def test_every_fault_is_reported_at_once(host: Host):
    """In the order of the lines."""
    host.declare("mode = 0777", "haproxy = 1", "connect = x")

    assert [fault.partition(":")[0] for fault in faults(host)] == ["9", "10", "11"]


def test_names_are_required_and_are_dns_names(host: Host):
    """They decide what the certificate must cover: without them, any certificate would do."""
    text = host.configuration.read_text()
    host.configuration.write_text(text.replace(f"names = {NAME}", "mode = 0600"))
    assert faults(host) == ["6: names: is missing in [certificate idp]"]
    host.configuration.write_text(text.replace(f"names = {NAME}", "names = *.univ.example univ_example"))
    assert faults(host) == [
        "7: names: 'univ_example' is not a DNS name; an internationalised one is written as xn--..."
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("folder = {0}/loop/idp", "folder: {0}/loop: Too many levels of symbolic links"),
        ("folder = {0}/file/idp", "folder: {0}/file/idp: Not a directory"),
        ("folder = {0}/" + 300 * "a", "File name too long"),
        ("password_file = {0}/loop", "password_file: {0}/loop: Too many levels of symbolic links"),
        ("password_file = {0}", "password_file: {0} is not a file"),
    ],
)
def test_a_path_that_cannot_be_examined_is_a_fault(host: Host, line: str, fault: str):
    """Also one whose folder the user may not enter: pathlib raises errors for all of these."""
    (host.folder / "loop").symlink_to("loop")
    (host.folder / "file").touch()
    text = host.configuration.read_text()
    declared = [each for each in text.splitlines() if not each.startswith("folder")]
    host.configuration.write_text("\n".join([*declared, f"keystore = {host.folder}/key.p12", line.format(host.folder)]))

    found = faults(host)

    assert any(each.startswith(f"{len(declared) + 2}: ") and fault.format(host.folder) in each for each in found), found


def test_a_mark_of_the_byte_order_is_no_fault(host: Host):
    """Editors on Windows write one, and it cannot be read on a screen."""
    host.configuration.write_text(host.configuration.read_text(), encoding="utf-8-sig")

    assert host.declaration.names == (NAME,)


def test_a_missing_file_is_reported_without_a_line(host: Host):
    """It has no lines."""
    host.configuration.unlink()

    with pytest.raises(ConfigurationInvalid, match="cannot be read: No such file"):
        read_configuration(host.configuration)


def test_an_endpoint_is_an_address_with_the_name_for_sni(host: Host):
    """IPv6 addresses in brackets, as in URLs; the first name unless another is given."""
    host.declare("connect = 127.0.0.1:443 [::1]:8443/other.univ.example")

    assert host.declaration.endpoints == (Endpoint("127.0.0.1", 443, NAME), Endpoint("::1", 8443, "other.univ.example"))
