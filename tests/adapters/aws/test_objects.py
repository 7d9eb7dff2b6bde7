from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from renewal.adapters.objects import MOST_BYTES, S3Certificates
from renewal.domain.errors import OrderConflict, StoreRefused
from renewal.ports.stores import CertificateWithKey

from .conftest import BUCKET
from .records import SPEC, a_pair
from .wire import changed, counted, meanwhile, refused

FOLDER = "certificates/univ/idp"
POINTER = f"{FOLDER}/current.json"


@pytest.fixture
def store(s3: Any) -> S3Certificates:
    """The adapter."""
    return S3Certificates(s3, BUCKET)


def body(s3: Any, key: str) -> bytes:
    """An object's content."""
    return bytes(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def pointer(s3: Any) -> dict[str, Any]:
    """The content of current.json."""
    document: dict[str, Any] = json.loads(body(s3, POINTER))
    return document


def key_versions(s3: Any, pair: CertificateWithKey) -> list[str]:
    """Every version of a certificate's private key, delete markers included."""
    key = f"{FOLDER}/{pair.chain.leaf.serial}/privkey.pem"
    listed = s3.list_object_versions(Bucket=BUCKET, Prefix=key)
    return [version["VersionId"] for version in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]]


def younger(pair: CertificateWithKey, days: int = 1) -> CertificateWithKey:
    """A certificate that was issued so many days after *pair*."""
    return a_pair(pair.spec, not_before=pair.chain.leaf.not_before + timedelta(days=days))


def test_the_files_are_those_of_certbot(store: S3Certificates, s3: Any):
    """Every server's manual describes these four names."""
    pair = a_pair()

    store.put(pair)

    folder = f"{FOLDER}/{pair.chain.leaf.serial}"
    assert body(s3, f"{folder}/fullchain.pem") == body(s3, f"{folder}/cert.pem") + body(s3, f"{folder}/chain.pem")
    leaf = x509.load_pem_x509_certificate(body(s3, f"{folder}/cert.pem"))
    key = serialization.load_pem_private_key(body(s3, f"{folder}/privkey.pem"), password=None)
    assert leaf.public_key() == key.public_key()


def test_the_pointer_describes_the_certificate_in_use(store: S3Certificates, s3: Any):
    """Consumers decide from it whether to fetch at all."""
    pair = a_pair(not_before=datetime(2026, 11, 1, 12, tzinfo=UTC))
    leaf = pair.chain.leaf

    store.put(pair)

    assert pointer(s3) == {
        "serial": leaf.serial,
        "not_before": "2026-11-01T12:00:00Z",
        "not_after": "2027-05-19T12:00:00Z",
        "names": ["idp.univ.example"],
        "sha256": leaf.fingerprint(),
        "path": f"{FOLDER}/{leaf.serial}/",
    }


def test_the_pointer_flips_last(store: S3Certificates, s3: Any):
    """A consumer gets a whole pair at any time."""
    with counted(s3, "PutObject") as calls:
        store.put(a_pair())

    assert [call["Key"].rsplit("/")[-1] for call in calls][-1] == "current.json"
    assert len(calls) == 5


def test_what_is_stored_already_is_not_written_again(store: S3Certificates, s3: Any):
    """A step that runs twice does the work once."""
    pair = a_pair()
    store.put(pair)

    with counted(s3, "PutObject") as calls:
        store.put(pair)

    assert calls == []


@pytest.mark.parametrize("days", [0, -1], ids=["on the same day", "dated further back"])
def test_a_renewal_that_is_not_dated_later_is_taken(store: S3Certificates, s3: Any, days: int):
    """CAs round not_before to midnight, and date certificates back: such a renewal would never be stored."""
    old = a_pair()
    new = replace(younger(old, days=days), replaces=old.chain.leaf.serial if days else "")
    store.put(old)

    store.put(new)

    assert pointer(s3)["serial"] == new.chain.leaf.serial


def test_an_older_run_never_flips_back(store: S3Certificates, s3: Any):
    """It wakes up late with yesterday's certificate; and it leaves no key behind."""
    old = a_pair()
    new = younger(old)
    store.put(new)

    with pytest.raises(OrderConflict, match="newer"):
        store.put(old)

    assert pointer(s3)["serial"] == new.chain.leaf.serial
    assert key_versions(s3, old) == []


@pytest.mark.parametrize("is_first", [True, False])
def test_of_two_runs_that_flip_at_once_one_wins(store: S3Certificates, s3: Any, is_first: bool):
    """Between reading the pointer and writing it anything may happen: S3 compares."""
    ours = a_pair()
    theirs = younger(ours)
    if not is_first:
        store.put(younger(ours, days=-1))
    rival = S3Certificates(s3, BUCKET)

    with meanwhile(s3, "PutObject", lambda: rival.put(theirs)), pytest.raises(OrderConflict):
        store.put(ours)

    assert pointer(s3)["serial"] == theirs.chain.leaf.serial


def test_two_runs_with_the_same_certificate_agree(store: S3Certificates, s3: Any):
    """The second one's flip fails, and the pointer is just where it wanted it."""
    pair = a_pair()
    rival = S3Certificates(s3, BUCKET)

    with meanwhile(s3, "PutObject", lambda: rival.put(pair)):
        store.put(pair)

    assert pointer(s3)["serial"] == pair.chain.leaf.serial


def test_an_erased_key_is_deleted_in_every_version(store: S3Certificates, s3: Any):
    """A delete marker hides the key only; a client that lists versions can still read it."""
    old = a_pair()
    store.put(old)
    key = f"{FOLDER}/{old.chain.leaf.serial}/privkey.pem"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"again")
    s3.delete_object(Bucket=BUCKET, Key=key)
    written = store.put(younger(old))
    assert len(key_versions(s3, old)) == 3

    serial = pointer(s3)["serial"]
    store.erase_replaced_keys("univ", "idp", serial, written)
    store.erase_replaced_keys("univ", "idp", serial, written)

    assert key_versions(s3, old) == []
    assert body(s3, f"{FOLDER}/{old.chain.leaf.serial}/cert.pem")


def test_keys_of_all_earlier_certificates_are_erased(store: S3Certificates, s3: Any):
    """S2: S3 kept the key before the last for ever when it had missed one renewal."""
    first = a_pair()
    newest = younger(first, days=2)
    for pair in (first, younger(first), newest):
        store.put(pair)

    store.erase_replaced_keys("univ", "idp", pointer(s3)["serial"])

    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=FOLDER)["Contents"]
    keys = [entry["Key"] for entry in listed if entry["Key"].endswith("/privkey.pem")]
    assert keys == [f"{FOLDER}/{newest.chain.leaf.serial}/privkey.pem"]


def test_a_key_that_is_newer_than_the_pointer_is_kept(store: S3Certificates, s3: Any):
    """A late attempt of an earlier order erases while the next order writes its files: the pointer comes last."""
    store.put(a_pair())
    key = f"{FOLDER}/AB/privkey.pem"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"of the next order")

    def of_a_minute_later(parsed: dict[str, Any], **_: Any) -> None:
        for version in parsed["Versions"]:
            version["LastModified"] += timedelta(minutes=version["Key"] == key)

    with changed(s3, "ListObjectVersions", of_a_minute_later):
        store.erase_replaced_keys("univ", "idp", pointer(s3)["serial"])

    assert body(s3, key) == b"of the next order"


@pytest.mark.parametrize("is_known", [True, False], ids=["just written", "written by an earlier invocation"])
def test_no_key_is_erased_while_the_pointer_leads_elsewhere(store: S3Certificates, s3: Any, is_known: bool):
    """Someone restored an earlier `current.json` while ACM failed: the new key is nowhere else once the order ends."""
    old = a_pair()
    store.put(old)
    earlier = body(s3, POINTER)
    new = younger(old)
    written = store.put(new)
    s3.put_object(Bucket=BUCKET, Key=POINTER, Body=earlier)

    store.erase_replaced_keys("univ", "idp", new.chain.leaf.serial, written if is_known else "")

    assert len(key_versions(s3, new)) == len(key_versions(s3, old)) == 1


def test_nothing_is_erased_besides_keys_of_the_certificate(store: S3Certificates, s3: Any):
    """S3 lists by prefix: `idp` is one of `idp-test`, too. Without a pointer nothing shows which key is in use."""
    others = [f"{FOLDER}-test/AB/privkey.pem", f"{FOLDER}/AB/privkey.pem.bak", f"{FOLDER}/AB/old/privkey.pem"]
    for key in (*others, f"{FOLDER}/AB/privkey.pem"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")

    store.erase_replaced_keys("univ", "idp", "CD")
    assert body(s3, f"{FOLDER}/AB/privkey.pem") == b"x"
    store.put(a_pair())
    store.erase_replaced_keys("univ", "idp", pointer(s3)["serial"])

    assert [body(s3, key) for key in others] == [b"x"] * 3


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'{"serial": "AB"}',
        b'{"serial": "AB", "not_before": "soon"}',
        b"[" * 10_000,
        b'{"serial": "AB", "not_before": "2026-11-23T08:00:00Z", "names": "' + b"x" * MOST_BYTES + b'"}',
    ],
    ids=["half", "a list", "no date", "no date that can be read", "nested too deeply", "too large"],
)
def test_a_pointer_that_is_not_ours_is_named(store: S3Certificates, s3: Any, content: bytes):
    """Overwriting it could flip back; the operator restores it."""
    s3.put_object(Bucket=BUCKET, Key=POINTER, Body=content)

    with pytest.raises(StoreRefused, match=r"current\.json"):
        store.put(a_pair())


# ---- What is stored --------------------------------------------------------------------------------------------------


def rewritten(s3: Any, **changes: Any) -> None:
    """Someone edits current.json."""
    s3.put_object(Bucket=BUCKET, Key=POINTER, Body=json.dumps(pointer(s3) | changes))


def test_the_stored_serial_is_that_of_pointer_and_certificate(store: S3Certificates, s3: Any):
    """S1: consumers follow the pointer to the files, so both are compared with the order book."""
    pair = a_pair()
    assert store.stored_serial("univ", "idp") == ""

    store.put(pair)

    assert store.stored_serial("univ", "idp") == pair.chain.leaf.serial


def test_what_the_pointer_leads_to_is_not_believed(store: S3Certificates, s3: Any):
    """S1: each of these would send consumers to a certificate that is not in the order book."""
    store.put(a_pair())
    serial, folder = pointer(s3)["serial"], pointer(s3)["path"]
    other = a_pair(replace(SPEC, name="other"))
    store.put(other)
    elsewhere = f"certificates/univ/other/{other.chain.leaf.serial}/"

    rewritten(s3, path=elsewhere)
    assert store.stored_serial("univ", "idp") == "a current.json that leads to no certificate"
    rewritten(s3, path=folder, serial="0F")
    assert store.stored_serial("univ", "idp") == "a current.json that leads to no certificate"
    rewritten(s3, serial=serial)
    s3.put_object(Bucket=BUCKET, Key=f"{folder}cert.pem", Body=body(s3, f"{elsewhere}cert.pem"))
    assert store.stored_serial("univ", "idp") == f"a current.json that leads to {other.chain.leaf.serial}"
    s3.put_object(Bucket=BUCKET, Key=f"{folder}cert.pem", Body=b"no certificate")
    assert store.stored_serial("univ", "idp") == "a current.json that leads to no certificate"
    s3.put_object(Bucket=BUCKET, Key=POINTER, Body=b"{")
    assert store.stored_serial("univ", "idp") == "a malformed current.json"


def test_a_read_that_s3_refuses_is_no_absent_certificate(store: S3Certificates, s3: Any):
    """A permission that was lost would be reported as a certificate that an intruder has deleted."""
    store.put(a_pair())

    with refused(s3, "GetObject", "AccessDenied", status=403), pytest.raises(StoreRefused, match="s3:GetObject"):
        store.stored_serial("univ", "idp")


@pytest.mark.parametrize("is_known", [True, False], ids=["the stored order", "a restored order"])
def test_no_key_is_erased_while_the_pointer_is_deleted(store: S3Certificates, s3: Any, *, is_known: bool) -> None:
    """Which key is in use is not known then, and the only one may be among them."""
    old = a_pair()
    store.put(old)
    new = younger(old)
    store.put(new)
    s3.delete_object(Bucket=BUCKET, Key=POINTER)

    store.erase_replaced_keys("univ", "idp", new.chain.leaf.serial if is_known else "ABCD")

    assert [len(key_versions(s3, pair)) for pair in (old, new)] == [1, 1]
