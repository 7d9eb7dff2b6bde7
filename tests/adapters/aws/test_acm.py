"""ACM as the user guide describes it (moto under the rules of `tools/local/moto_repairs/strict_acm.py`)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from moto.acm.models import acm_backends

from local.moto_repairs.strict_acm import StrictAcm
from renewal.adapters.acm import EVERY_KEY_TYPE, MAX_KEY, Acm
from renewal.domain.certificate.chain import Chain
from renewal.domain.certificate.facts import Certificate
from renewal.domain.certificate.serial import normalised_serial
from renewal.domain.delegation import CertificateSpec
from renewal.domain.errors import (
    AcmCertificateMissing,
    AcmQuotaReached,
    AcmRefused,
    AcmWouldRefuse,
    StoreNotOurs,
    StoreRefused,
    StoreUnavailable,
)
from renewal.domain.key_type import KeyType
from renewal.domain.keypair import KeyPair
from renewal.domain.order import ManagedCertificate
from renewal.ports.stores import ArnUse, CertificateWithKey
from tests.throwaway_ca import hierarchy

from .conftest import REGION, client
from .records import SPEC, a_pair, a_stored
from .wire import changed, counted, lost_answers, refused

pytestmark = pytest.mark.usefixtures("acm_rules")

ACM_SPEC = replace(SPEC, stores=("acm:eu-west-3",))
NO_SUCH_ARN = "arn:aws:acm:eu-west-3:123456789012:certificate/00000000-0000-0000-0000-000000000000"
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


@pytest.fixture
def acm() -> Acm:
    """The adapter, in any region."""
    return Acm(lambda region: client("acm", region))


@pytest.fixture
def eu() -> Any:
    """ACM's own client."""
    return client("acm", REGION)


def serials(region: str = REGION) -> list[str]:
    """What ACM holds in a region."""
    acm = client("acm", region)
    listed = acm.list_certificates(Includes={"keyTypes": list(EVERY_KEY_TYPE)})["CertificateSummaryList"]
    described = [acm.describe_certificate(CertificateArn=summary["CertificateArn"]) for summary in listed]
    return sorted(normalised_serial(answer["Certificate"]["Serial"]) for answer in described)


def renewed(pair: CertificateWithKey, **changes: Any) -> CertificateWithKey:
    """The next certificate of the same spec, with a new key of the same type."""
    return a_pair(pair.spec, key=KeyPair.generate(pair.key.key_type), **changes)


# ---- Importing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key_type", [KeyType.P_256, KeyType.P_384, KeyType.RSA_2048])
def test_a_first_import_makes_a_tagged_certificate(acm: Acm, eu: Any, key_type: KeyType):
    """By the tags it is known whose it is, so that no other delegation overwrites it."""
    pair = a_pair(replace(ACM_SPEC, key_type=key_type))

    arn = acm.put(pair, REGION, None)

    assert serials() == [pair.chain.leaf.serial]
    tags = {tag["Key"]: tag["Value"] for tag in eu.list_tags_for_certificate(CertificateArn=arn)["Tags"]}
    assert tags == {"certmandate:delegation": "univ", "certmandate:certificate": "idp"}


def test_a_renewal_goes_into_the_same_arn_without_tags(acm: Acm, eu: Any):
    """Load balancers name the ARN; and "Tagging is not permitted on re-import."""
    pair = a_pair(ACM_SPEC)
    arn = acm.put(pair, REGION, None)
    new = renewed(pair)

    with counted(eu, "ImportCertificate") as calls:
        assert acm.put(new, REGION, arn) == arn

    assert serials() == [new.chain.leaf.serial]
    assert "Tags" not in calls[0]


def test_each_region_has_its_own_arn(acm: Acm):
    """CloudFront reads us-east-1 only, whatever region the load balancers are in."""
    pair = a_pair(ACM_SPEC)

    here, there = (acm.put(pair, region, None) for region in (REGION, "us-east-1"))

    assert here.split(":")[3] == REGION
    assert there.split(":")[3] == "us-east-1"
    assert serials() == serials("us-east-1") == [pair.chain.leaf.serial]


# ---- Never a second copy -------------------------------------------------------------------------------


def test_an_import_whose_answer_was_lost_is_not_sent_again(acm: Acm, eu: Any):
    """Each attempt without an ARN makes a certificate: botocore's own retries must be off."""
    pair = a_pair(ACM_SPEC)

    with lost_answers(eu, "ImportCertificate"), pytest.raises(StoreUnavailable):
        acm.put(pair, REGION, None)

    assert serials() == [pair.chain.leaf.serial]


@pytest.mark.parametrize("key_type", [KeyType.P_256, KeyType.RSA_2048])
def test_the_next_try_finds_what_an_earlier_one_imported(acm: Acm, eu: Any, key_type: KeyType):
    """Among elliptic keys too, which ListCertificates omits by default."""
    spec = replace(ACM_SPEC, key_type=key_type)
    other, pair = a_pair(spec), a_pair(spec)
    acm.put(other, REGION, None)
    with lost_answers(eu, "ImportCertificate"), pytest.raises(StoreUnavailable):
        acm.put(pair, REGION, None)

    arn = acm.find(pair, REGION)

    assert arn is not None
    described = eu.describe_certificate(CertificateArn=arn)["Certificate"]
    assert normalised_serial(described["Serial"]) == pair.chain.leaf.serial
    assert serials() == sorted([other.chain.leaf.serial, pair.chain.leaf.serial])


def test_the_search_turns_every_page_and_describes_what_has_the_name(acm: Acm, eu: Any):
    """An account may hold 2,500; describing each would take ten minutes at ACM's rate."""
    wanted = a_pair(ACM_SPEC)
    others = [a_pair(CertificateSpec("univ", "x", (f"host{number}.univ.example",), 1018)) for number in range(3)]
    for pair in [*others, wanted]:
        acm.put(pair, REGION, None)

    def one_a_page(parsed: dict[str, Any], **_: Any) -> None:
        summaries, number = parsed["CertificateSummaryList"], len(pages) - 1
        parsed["CertificateSummaryList"] = summaries[number : number + 1]
        if number + 1 < len(summaries):
            parsed["NextToken"] = f"page-{number + 1}"

    with (
        changed(eu, "ListCertificates", one_a_page),
        counted(eu, "ListCertificates") as pages,
        counted(eu, "DescribeCertificate") as described,
    ):
        acm.find(wanted, REGION)

    assert [page.get("NextToken") for page in pages] == [None, "page-1", "page-2", "page-3"]
    assert len(described) == 1


def test_a_search_that_finds_nothing_returns_nothing(acm: Acm):
    """The earlier attempt may also have been killed before its import."""
    acm.put(a_pair(ACM_SPEC), REGION, None)

    assert acm.find(a_pair(ACM_SPEC), REGION) is None


def test_what_an_arn_holds_already_is_not_imported_again(acm: Acm, eu: Any):
    """Re-imports count towards the yearly quota."""
    pair = a_pair(ACM_SPEC)
    arn = acm.put(pair, REGION, None)

    with counted(eu, "ImportCertificate") as calls:
        assert acm.put(pair, REGION, arn) == arn

    assert calls == []


@pytest.mark.parametrize("key", ["first", "renewal"])
def test_acms_answer_to_the_import_decides(acm: Acm, eu: Any, key: str):
    """DescribeCertificate may be late: that is no refusal, and the ARN must be recorded before a second import."""
    pair = a_pair(ACM_SPEC)
    arn = acm.put(pair, REGION, None) if key == "renewal" else None
    before = eu.describe_certificate(CertificateArn=arn)["Certificate"] if arn else {}
    new = renewed(pair)

    with changed(eu, "DescribeCertificate", lambda parsed, **_: parsed.update(Certificate=before)):
        made = acm.put(new, REGION, arn)

    assert made == (arn or made)
    assert serials() == [new.chain.leaf.serial]


def test_what_is_listed_and_not_described_is_searched_for_again(acm: Acm, eu: Any):
    """To skip it would import a second time; AcmCertificateMissing would call the operator."""
    pair = a_pair(ACM_SPEC)
    arn = acm.put(pair, REGION, None)

    with refused(eu, "DescribeCertificate", "ResourceNotFoundException"), pytest.raises(StoreUnavailable, match=arn):
        acm.find(pair, REGION)
    assert acm.find(pair, REGION) == arn


def test_the_stored_serial_is_that_under_the_arn(acm: Acm):
    """S1: it is compared with the order book; a deleted certificate is none."""
    pair = a_pair(ACM_SPEC)

    assert acm.stored_serial(REGION, acm.put(pair, REGION, None)) == pair.chain.leaf.serial
    assert acm.stored_serial(REGION, NO_SUCH_ARN) == acm.stored_serial(REGION, "") == ""


def test_what_uses_an_arn_is_returned_with_its_expiry(acm: Acm):
    """Until then a load balancer presents it; a deleted certificate, and one that nothing uses, has no use."""
    pair = a_pair(ACM_SPEC)
    arn = acm.put(pair, REGION, None)
    assert acm.use(REGION, arn) is acm.use(REGION, NO_SUCH_ARN) is None

    acm_backends["123456789012"][REGION].set_certificate_in_use_by(arn, "arn:lb")

    assert acm.use(REGION, arn) == ArnUse(("arn:lb",), pair.chain.leaf.not_after.date())


# ---- Refusals ------------------------------------------------------------------------------------------


def assert_refused(acm: Acm, certificate: ManagedCertificate, error: type[Exception], text: str = "") -> None:
    """The one region is refused before the order, with *error* and its *text*."""
    refusal = acm.refusal(certificate, REGION)
    assert type(refusal) is error
    assert re.search(text, str(refusal))


def test_a_key_of_another_type_is_foreseen_before_an_order_is_spent(acm: Acm):
    """ACM never changes the key type of an ARN."""
    arn = acm.put(a_pair(ACM_SPEC), REGION, None)
    spec = replace(ACM_SPEC, key_type=KeyType.RSA_2048, arns={REGION: arn})

    assert_refused(acm, ManagedCertificate(spec), AcmWouldRefuse, "EC.prime256v1")
    with pytest.raises(AcmWouldRefuse):
        acm.put(a_pair(spec), REGION, arn)


def test_an_arn_that_does_not_exist_is_foreseen(acm: Acm):
    """The certificate was deleted in the console, or the ARN is of another account."""
    spec = replace(ACM_SPEC, arns={REGION: NO_SUCH_ARN})

    assert_refused(acm, ManagedCertificate(spec), AcmCertificateMissing, "acm:DescribeCertificate")
    with pytest.raises(AcmCertificateMissing):
        acm.put(a_pair(spec), REGION, NO_SUCH_ARN)


SEEBERG = CertificateSpec("seeberg", "evil", ("evil.seeberg.example",), 1018, stores=("acm:eu-west-3",))


def assert_not_ours(acm: Acm, eu: Any, arn: str, why: str, spec: CertificateSpec = SEEBERG) -> None:
    """Neither an order nor an import is made for *spec* under the ARN."""
    certificate = ManagedCertificate(replace(spec, arns={REGION: arn}))

    assert_refused(acm, certificate, StoreNotOurs, why)
    with counted(eu, "ImportCertificate") as calls, pytest.raises(StoreNotOurs, match=why):
        acm.put(a_pair(certificate.spec), REGION, arn)
    assert calls == []


def test_an_arn_of_another_delegation_is_not_overwritten(acm: Acm, eu: Any):
    """S1: its service presented the other one's certificate, and `status` called it fine for months."""
    arn = acm.put(a_pair(ACM_SPEC), REGION, None)

    assert_not_ours(acm, eu, arn, "belongs to univ/idp, by its tag certmandate:delegation")
    assert_not_ours(acm, eu, arn, "belongs to univ/idp", replace(SEEBERG, names=ACM_SPEC.names))


def imported(eu: Any, pair: CertificateWithKey) -> str:
    """A certificate that another program imported."""
    leaf, chain = pair.chain.leaf.pem().encode(), pair.chain.issuers_pem().encode()
    answer = eu.import_certificate(Certificate=leaf, CertificateChain=chain, PrivateKey=pair.key.pem())
    return str(answer["CertificateArn"])


def test_an_arn_for_other_names_is_not_overwritten(acm: Acm, eu: Any):
    """S1: a typing error; the account has certificates that certmandate never managed."""
    assert_not_ours(acm, eu, imported(eu, a_pair(ACM_SPEC)), "is for idp.univ.example, and has no tag")


def test_an_arn_that_amazon_issued_into_is_not_overwritten(acm: Acm, eu: Any):
    """S1: ACM imports into imported certificates only, and the order would be spent."""
    arn = imported(eu, a_pair(SEEBERG))

    def issued_by_amazon(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Certificate"]["Type"] = "AMAZON_ISSUED"

    with changed(eu, "DescribeCertificate", issued_by_amazon):
        assert_not_ours(acm, eu, arn, "is of type AMAZON_ISSUED")


def test_an_adopted_arn_is_renewed(acm: Acm, eu: Any):
    """It has no tag: one of the names in common is enough, and after a change of all names the serial in the book."""
    shared, old = imported(eu, a_pair(ACM_SPEC)), a_pair(ACM_SPEC)
    adopted, serial = imported(eu, old), old.chain.leaf.serial
    renamed = replace(ACM_SPEC, names=("new.univ.example",), arns={REGION: adopted})

    acm.put(a_pair(replace(ACM_SPEC, names=("www.univ.example", *ACM_SPEC.names))), REGION, shared)
    assert acm.refusal(ManagedCertificate(renamed, a_stored(serial=serial)), REGION) is None
    acm.put(replace(a_pair(renamed), replaces=serial), REGION, adopted)


def test_an_arn_of_a_renamed_certificate_is_renewed(acm: Acm, eu: Any):
    """The delegation is what must not be mixed up; a tag of the operator gives an ARN to another delegation."""
    arn = acm.put(a_pair(ACM_SPEC), REGION, None)

    acm.put(a_pair(replace(ACM_SPEC, name="login", names=("login.univ.example",))), REGION, arn)
    eu.add_tags_to_certificate(CertificateArn=arn, Tags=[{"Key": "certmandate:delegation", "Value": "seeberg"}])
    acm.put(a_pair(SEEBERG), REGION, arn)


def test_the_arn_of_the_stored_certificate_is_foreseen_too(acm: Acm):
    """Most ARNs were never written into a file: the first import made them."""
    stored = a_stored(arns={REGION: NO_SUCH_ARN})

    assert_refused(acm, ManagedCertificate(ACM_SPEC, stored), AcmCertificateMissing)


def test_one_refused_region_is_no_refusal_of_the_other(acm: Acm):
    """Stores share no fate: the order is placed for the region that takes its certificate."""
    spec = replace(SPEC, stores=("acm:eu-west-3", "acm:us-east-1"), arns={REGION: NO_SUCH_ARN})

    assert_refused(acm, ManagedCertificate(spec), AcmCertificateMissing)
    assert acm.refusal(ManagedCertificate(spec), "us-east-1") is None


@pytest.mark.parametrize(
    "certificate",
    [
        ManagedCertificate(ACM_SPEC, a_stored(arns={REGION: NO_SUCH_ARN}, key_type=KeyType.RSA_2048)),
        ManagedCertificate(ACM_SPEC),
    ],
    ids=["a changed key type asks for a new ARN", "a first import"],
)
def test_a_certificate_without_an_arn_to_keep_has_nothing_to_foresee(
    acm: Acm, eu: Any, certificate: ManagedCertificate
):
    """Enroll asks for every certificate; ACM's rate is for those that need it."""
    with counted(eu, "DescribeCertificate") as calls:
        assert acm.refusal(certificate, REGION) is None

    assert calls == []


def test_a_dropped_usage_is_found_before_the_import(acm: Acm, eu: Any):
    """ACM refuses to drop extended key usages on the same ARN."""
    usages = (SERVER, ExtendedKeyUsageOID.EMAIL_PROTECTION)
    pair = a_pair(ACM_SPEC, usages=usages)
    arn = acm.put(pair, REGION, None)

    with counted(eu, "ImportCertificate") as calls, pytest.raises(AcmWouldRefuse, match="lacks key usages"):
        acm.put(renewed(pair), REGION, arn)

    assert calls == []


def test_usages_that_acm_gives_by_name_only_count(acm: Acm, eu: Any):
    """The OID is optional in the answer's shape."""
    pair = a_pair(ACM_SPEC, usages=(SERVER, ExtendedKeyUsageOID.EMAIL_PROTECTION))
    arn = acm.put(pair, REGION, None)

    def by_name(parsed: dict[str, Any], **_: Any) -> None:
        names = ("TLS_WEB_SERVER_AUTHENTICATION", "EMAIL_PROTECTION", "NONE")
        parsed["Certificate"]["ExtendedKeyUsages"] = [{"Name": name} for name in names]

    with changed(eu, "DescribeCertificate", by_name), pytest.raises(AcmWouldRefuse, match=r"1\.3\.6\.1\.5\.5\.7\.3\.4"):
        acm.put(renewed(pair), REGION, arn)


def test_a_key_that_is_too_large_for_acm_is_not_sent(acm: Acm, eu: Any, monkeypatch: pytest.MonkeyPatch):
    """5,120 bytes; none of our key types comes near, so the limit is lowered here."""
    monkeypatch.setattr("renewal.adapters.acm.MAX_KEY", 100)
    assert MAX_KEY == 5_120

    with counted(eu, "ImportCertificate") as calls, pytest.raises(AcmWouldRefuse, match="bytes"):
        acm.put(a_pair(ACM_SPEC), REGION, None)

    assert calls == []


def test_a_leaf_and_its_issuer_have_one_algorithm(acm: Acm):
    """Refused with a sentence instead of ACM's code; it is ACM's rule, and other stores take the certificate."""
    pair = a_pair(replace(ACM_SPEC, key_type=KeyType.RSA_2048))
    leaf = hierarchy().ec.issue(
        pair.key.private_key.public_key(), pair.spec.names, not_before=pair.chain.leaf.not_before, days=9
    )
    wrong = replace(pair, chain=Chain(Certificate(leaf), (Certificate(hierarchy().ec.certificate),)))

    with pytest.raises(AcmWouldRefuse, match="different algorithms, which ACM does not accept"):
        acm.put(wrong, REGION, None)


def test_a_root_that_issued_the_leaf_is_its_chain(acm: Acm):
    """ImportCertificate refuses a leaf without its issuer, and takes a root as the whole chain."""
    pair = a_pair(ACM_SPEC)
    root = hierarchy().root
    public_key, begins = pair.key.private_key.public_key(), pair.chain.leaf.not_before
    leaf = root.issue(public_key, pair.spec.names, not_before=begins, days=9)
    chain = Chain(Certificate(leaf), (Certificate(root.certificate),))

    acm.put(replace(pair, chain=chain), REGION, None)

    assert serials() == [chain.leaf.serial]


def test_the_yearly_quota_has_a_name_of_its_own(acm: Acm, acm_rules: StrictAcm):
    """More patience does not help; a quota request does."""
    acm_rules.imports_per_year = 0

    with pytest.raises(AcmQuotaReached, match="maximum number"):
        acm.put(a_pair(ACM_SPEC), REGION, None)


@pytest.mark.parametrize(
    ("operation", "code", "error"),
    [
        ("ImportCertificate", "ThrottlingException", StoreUnavailable),
        ("ImportCertificate", "ConflictException", StoreUnavailable),
        ("ImportCertificate", "AccessDeniedException", StoreRefused),
        ("ImportCertificate", "InvalidParameterException", AcmRefused),
        ("ImportCertificate", "ValidationException", AcmRefused),
        ("ImportCertificate", "ResourceNotFoundException", AcmCertificateMissing),
        ("DescribeCertificate", "ThrottlingException", StoreUnavailable),
        ("DescribeCertificate", "InvalidArnException", AcmCertificateMissing),
    ],
)
def test_acms_errors_have_our_names(acm: Acm, eu: Any, operation: str, code: str, error: type[Exception]):
    """The state machine matches names; ACM imports once a second, so throttling is ordinary."""
    arn = acm.put(a_pair(ACM_SPEC), REGION, None)

    with refused(eu, operation, code, "AWS's reason"), pytest.raises(error, match=code):
        acm.put(a_pair(ACM_SPEC), REGION, arn)


def test_a_search_that_is_throttled_finds_not_nothing(acm: Acm, eu: Any):
    """Not knowing is not the same as nothing."""
    pair = a_pair(ACM_SPEC)

    with refused(eu, "ListCertificates", "ThrottlingException"), pytest.raises(StoreUnavailable):
        acm.find(pair, REGION)
