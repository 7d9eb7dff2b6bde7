"""Bundles and the list of parts have the same bytes for the same input."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest

from stack.package import REQUIREMENTS, NotBuilt, main, package, parts

TEMPLATE = """
Globals:
  Function:
    CodeUri: functions/
Resources:
  One:
    Properties:
      CodeUri: One
  Two:
    Properties:
      CodeUri: Two
  Layer:
    Properties:
      ContentUri: Layer
  Machine:
    Properties:
      DefinitionUri: ../../machine.asl.yaml
"""


@pytest.fixture(scope="module")
def listed() -> bytes:
    """The list of parts: a program makes it, which takes seconds."""
    return parts()


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: bytes) -> Path:
    """Return the output of `sam build`: the same functions twice, a layer, and a definition elsewhere."""
    monkeypatch.setattr("stack.package.parts", lambda: listed)
    folder = tmp_path / ".aws-sam" / "build"
    for name in ("One", "Two"):
        (folder / name / "renewal" / "__pycache__").mkdir(parents=True)
        (folder / name / "enroll.py").write_text("handler = print\n")
        (folder / name / "renewal" / "a.py").write_text("A = 1\n")
        (folder / name / "renewal" / "__pycache__" / "a.cpython-313.pyc").write_text("bytecode")
    (folder / "Layer").mkdir()
    (folder / "Layer" / "x.pyc").write_bytes(b"x")
    (tmp_path / "machine.asl.yaml").write_text("StartAt: A\n")
    (folder / "template.yaml").write_text(TEMPLATE)
    return folder


def test_the_same_build_gives_the_same_bytes_whenever_it_is_packaged(build: Path, tmp_path: Path) -> None:
    """Only then can it be verified that the deployed code is the repository's."""
    first = package(build, tmp_path / "first")
    for file in build.rglob("*"):
        os.utime(file, (1, 1))
    assert package(build, tmp_path / "second") == first


def test_one_changed_letter_gives_other_bytes(build: Path, tmp_path: Path) -> None:
    """A sum that never changes verifies nothing."""
    first = package(build, tmp_path / "out")
    (build / "One" / "enroll.py").write_text("handler = repr\n")
    assert set(package(build, tmp_path / "out")) != set(first)


def test_functions_with_equal_code_share_one_bundle(build: Path, tmp_path: Path) -> None:
    """Several equal uploads could be deployed in part."""
    sums = package(build, tmp_path / "out")
    zips = [name for name in sums if name.endswith(".zip")]
    assert sorted(name.split("-")[0] for name in zips) == ["dependencies", "functions"]
    template = (tmp_path / "out" / "template.yaml").read_text()
    assert template.count(f"CodeUri: {next(name for name in zips if name.startswith('functions'))}") == 2
    assert "DefinitionUri: machine.asl.yaml" in template


def test_bytecode_is_packaged(build: Path, tmp_path: Path) -> None:
    """Without it, Lambda compiles every module at every cold start."""
    sums = package(build, tmp_path / "out")
    functions = next(name for name in sums if name.startswith("functions"))
    with zipfile.ZipFile(tmp_path / "out" / functions) as archive:
        assert archive.namelist() == ["enroll.py", "renewal/__pycache__/a.cpython-313.pyc", "renewal/a.py"]


def test_a_bundle_above_the_limit_is_refused(
    build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lambda loads and keeps every byte, so growth must be noticed before a deployment."""
    monkeypatch.setattr("stack.package.LARGEST", 100)
    assert main([str(build), str(tmp_path / "out")]) == 1
    assert "more than 100" in capsys.readouterr().err


def test_the_sums_are_those_of_all_the_files(build: Path, tmp_path: Path) -> None:
    """`sha256sum --check` must pass, and find a change in the list of parts, too."""
    assert main([str(build), str(tmp_path / "out")]) == 0
    lines = [line.split("  ") for line in (tmp_path / "out" / "SHA256SUMS").read_text().splitlines()]
    for digest, name in lines:
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    assert {name for _, name in lines} == {file.name for file in (tmp_path / "out").iterdir()} - {"SHA256SUMS"}
    assert "sbom.json" in {name for _, name in lines}


def test_a_missing_build_is_reported_with_the_command(tmp_path: Path) -> None:
    """The operator needs to know what to run first."""
    with pytest.raises(NotBuilt, match="make build"):
        package(tmp_path, tmp_path / "out")


def test_the_list_of_parts_has_hashes_and_licences(listed: bytes) -> None:
    """It is searched when a vulnerability in a dependency becomes known."""
    requirements = REQUIREMENTS.read_text(encoding="utf-8")
    found = json.loads(listed)["components"]
    assert len(found) == requirements.count("==")
    assert {"boto3", "botocore", "cryptography", "httpx", "aws-lambda-powertools"} <= {part["name"] for part in found}
    assert all(part["purl"] == f"pkg:pypi/{part['name']}@{part['version']}" for part in found)
    hashes = [sum_["content"] for part in found for sum_ in part["hashes"]]
    assert len(hashes) == requirements.count("--hash=sha256:")
    assert all(part["licenses"] for part in found)


def test_equal_lists_give_equal_documents(listed: bytes) -> None:
    """A difference between two documents must mean a difference between two deployments."""
    assert parts() == listed
