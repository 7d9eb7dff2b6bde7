"""third-party.yaml: who the third party is, as guides and mandates name it. One file for all delegations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from certmandate.files import fields
from certmandate.files.yaml_document import FilesInvalid, read_yaml

FILE = "third-party.yaml"
"""Beside the folder of the delegation files, in which every file is a mandate."""
_HEADING = "# Who we are, in the guides and mandates that `certmandate onboard` writes.\n"
_READERS = {
    "third_party": fields.text,
    "role_email": fields.email,
    "address": fields.address,
    "legal_identity": fields.text,
    "postal_address": fields.text,
    "signatory": fields.text,
    "telephone": fields.text,
}


@dataclass(frozen=True, slots=True)
class LegalIdentity:
    """What a mandate states of the third party besides its name; empty = a blank to fill in by hand."""

    legal_identity: str = ""
    """Name and legal form as registered, with the registration number."""
    postal_address: str = ""
    signatory: str = ""
    """Name and function of who signs mandates."""
    telephone: str = ""


def read_third_party(folder: Path) -> Mapping[str, str]:
    """Return the facts of the file beside *folder*, by name; none when it does not exist. Raises FilesInvalid."""
    path = folder.absolute().parent / FILE
    if not path.exists():
        return {}
    document, reader = read_yaml(path), fields.Reader()
    source = reader.mapping(document.content, (), frozenset(_READERS))
    values = {key: reader.value(source, key, (), read, default="") for key, read in _READERS.items()}
    if reader.faults:
        raise FilesInvalid([document.fault(fault.place, fault.text) for fault in reader.faults])
    return values


def third_party_file(facts: Mapping[str, str]) -> str:
    """Return the text of the file with *facts*; a fact that is not known has an empty value."""
    document = {key: facts.get(key) or None for key in _READERS}
    return _HEADING + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110).replace(" null\n", "\n")
