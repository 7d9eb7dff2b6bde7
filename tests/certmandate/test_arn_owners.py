"""A reference to a store is not trusted because its syntax is right: it may be another certificate's (S1)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from certmandate.estate_changes import Stored, arn_fault, arn_owners, unwatched_uses, warnings
from certmandate.files.specification import Specification
from certmandate.files.yaml_document import YamlDocument
from renewal.domain.delegation import CertificateSpec
from renewal.domain.errors import RenewalError, StoreRefused, StoreUnavailable
from renewal.domain.key_type import KeyType
from renewal.domain.order import ManagedCertificate
from renewal.ports.stores import ArnUse
from tests.fakes import FakeAcm
from tests.unit.orders import an_order
from tests.unit.system import DELEGATION, IDP, NOW, stored_by

ACCOUNT, REGION = "123456789012", "eu-west-3"
ARN = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/00000000-0000-4000-8000-000000000000"
SEEBERG = CertificateSpec("seeberg", "evil", ("evil.seeberg.example",), 1018, arns={REGION: ARN})
OWNERS = {
    "served from": ManagedCertificate(IDP, stored_by(IDP, arns={REGION: ARN})),
    "imported by an open order": ManagedCertificate(IDP, order=an_order(arns={REGION: ARN})),
    "named by a record whose file is missing": ManagedCertificate(replace(IDP, arns={REGION: ARN})),
}


@pytest.mark.parametrize("owner", OWNERS.values(), ids=OWNERS)
def test_an_arn_of_the_order_book_has_an_owner(owner: ManagedCertificate) -> None:
    """S1: most ARNs are in no file, because the first import made them; files alone were compared."""
    owners = arn_owners([owner], [SEEBERG])

    assert arn_fault(ARN, "seeberg/evil", owners, ACCOUNT).startswith("univ/idp has its certificate under this ARN")
    assert arn_fault(ARN, "univ/idp", owners, ACCOUNT) == ""


@dataclass
class UnknownUse(FakeAcm):
    """ACM answers nothing but *error*."""

    error: RenewalError = field(default_factory=lambda: StoreUnavailable("no answer"))
    asked: list[tuple[str, str]] = field(default_factory=list)

    def use(self, region: str, arn: str) -> ArnUse | None:
        self.asked.append((region, arn))
        raise self.error


@pytest.mark.parametrize(("error", "asked"), [(StoreUnavailable("no answer"), 1), (StoreRefused("denied"), 3)])
def test_a_use_that_is_not_known_is_named(error: RenewalError, asked: int) -> None:
    """Silence would be read as "not in use"; a region that hangs would take 22 s for each ARN."""
    others = dict.fromkeys((f"{ARN[:-1]}1", f"{ARN[:-1]}2"), NOW)
    acm = UnknownUse(error=error)

    found = [*unwatched_uses([ManagedCertificate(IDP, stored_by(IDP, arns={REGION: ARN}, former_arns=others))], acm)]

    assert found == [f"univ/idp: whether {arn} is in use is not known: {error}" for arn in (ARN, *others)]
    assert len(acm.asked) == asked


def test_of_two_files_the_later_one_is_refused() -> None:
    """Neither is served yet."""
    owners = arn_owners([], [replace(IDP, arns={REGION: ARN}), SEEBERG])

    assert arn_fault(ARN, "seeberg/evil", owners, ACCOUNT).startswith(
        "univ/idp has its certificate under this ARN, or imports"
    )


def test_a_file_that_gives_up_an_arn_frees_it_once_nothing_is_stored_in_it() -> None:
    """The record still names it, and the same `apply` changes the record."""
    before = ManagedCertificate(replace(IDP, arns={REGION: ARN}))

    assert arn_owners([before], [IDP, SEEBERG]) == {ARN: "seeberg/evil"}
    stored = replace(before, stored=stored_by(IDP, arns={REGION: ARN}))
    assert arn_owners([stored], [IDP, SEEBERG]) == {ARN: "univ/idp"}


def test_an_arn_of_another_account_is_refused() -> None:
    """S1: the role may import only into its own account, and an order would be spent to find that out."""
    assert "is of account 999999999999" in arn_fault(ARN.replace(ACCOUNT, "9" * 12), "univ/idp", {}, ACCOUNT)


@pytest.mark.parametrize("pinned", [False, True], ids=["ACM makes one", "the file has one"])
def test_a_plan_shows_that_another_key_type_gets_a_new_arn(pinned: bool) -> None:
    """What uses the old one keeps its certificate until it expires."""
    spec = replace(IDP, stores=(f"acm:{REGION}", "s3"))
    certificate = ManagedCertificate(spec, stored_by(spec, arns={REGION: ARN}))
    changed = replace(spec, key_type=KeyType.RSA_2048, arns={REGION: ARN.replace("0", "1")} if pinned else {})

    def planned(file: CertificateSpec) -> list[str]:
        loaded = [(Specification(DELEGATION, (file,)), YamlDocument(Path("univ.yaml"), {}, {}))]
        return list(warnings(loaded, Stored({}, {spec.path: certificate}), NOW.date()))

    assert planned(spec) == []
    assert ["under a new ARN in eu-west-3" in text for text in planned(changed)] == ([] if pinned else [True])
