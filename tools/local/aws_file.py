"""`aws.yaml` of an estate: what AWS does to it. `docs/estate.md` describes the format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from certmandate.yaml_document import FileFault, FilesInvalid, YamlDocument, read_yaml

AWS_FILE = "aws.yaml"


def load_throttled_regions(folder: Path, used: Sequence[str]) -> tuple[str, ...]:
    """Return the regions in which ACM throttles every import; none when *folder* has no `aws.yaml`.

    used: the regions that the delegation files name in a store `acm:<region>`. Raises FilesInvalid.
    """
    path = folder / AWS_FILE
    if not path.exists():
        return ()
    document = read_yaml(path)
    if faults := list(_faults(document, used)):
        raise FilesInvalid(faults)
    return tuple(document.content["acm"]["throttled_regions"])


def _faults(document: YamlDocument, used: Sequence[str]) -> Iterator[FileFault]:
    regions: Any = document.content
    place: tuple[str, ...] = ()
    for member in ("acm", "throttled_regions"):
        if not isinstance(regions, dict) or set(regions) != {member}:
            yield document.fault(place, f"must be a mapping with one field, {member}")
            return
        regions, place = regions[member], (*place, member)
    if not isinstance(regions, list):
        yield document.fault(place, "must be a list of regions, like [eu-west-3]")
        return
    for index, region in enumerate(regions):
        if region not in used:
            stores = ", ".join(f"acm:{one}" for one in used) or "none"
            text = f"no certificate of the delegation files is stored in ACM in '{region}'; their stores are {stores}"
            yield document.fault((*place, index), text)
