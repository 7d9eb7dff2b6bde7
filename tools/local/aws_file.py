"""`aws.yaml` of an estate: what AWS does to it. `docs/estate.md` describes the format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certmandate.files.yaml_document import FileFault, FilesInvalid, YamlDocument, read_yaml

AWS_FILE = "aws.yaml"
_PLACE = ("acm", "throttled_regions")


@dataclass(frozen=True, slots=True)
class AwsWorld:
    """The content of `aws.yaml`; empty when an estate has none."""

    document: YamlDocument | None = None

    @property
    def throttled_regions(self) -> tuple[str, ...]:
        """Where ACM refuses every import, as when other clients use up its rate."""
        return tuple(self.document.content["acm"]["throttled_regions"]) if self.document else ()

    def misfits(self, used: Sequence[str]) -> Iterator[FileFault]:
        """Yield the regions that are not *used*, those of the stores `acm:<region>` in the delegation files."""
        for index, region in enumerate(self.throttled_regions):
            if self.document and region not in used:
                known = ", ".join(used) or "none"
                text = f"'{region}' is not a region of a store acm:<region> in the delegation files; known are {known}"
                yield self.document.fault((*_PLACE, index), text)


def load_aws(folder: Path) -> AwsWorld:
    """Read `aws.yaml` of the estate in *folder*, if it is there. Raises FilesInvalid."""
    path = folder / AWS_FILE
    if not path.exists():
        return AwsWorld()
    document = read_yaml(path)
    if fault := _fault(document):
        raise FilesInvalid([fault])
    return AwsWorld(document)


def _fault(document: YamlDocument) -> FileFault | None:
    value: Any = document.content
    for depth, member in enumerate(_PLACE):
        if not isinstance(value, dict) or set(value) != {member}:
            return document.fault(_PLACE[:depth], f"must be a mapping with one field, {member}")
        value = value[member]
    if not isinstance(value, list) or not all(isinstance(region, str) for region in value):
        return document.fault(_PLACE, "must be a list of regions, like [eu-west-3]")
    return None
