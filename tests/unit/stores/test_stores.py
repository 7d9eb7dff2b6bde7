"""Stores share no fate: what one of them refuses, or loses, keeps no other from serving the new certificate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from renewal.deadline import Deadline
from renewal.domain.errors import (
    AcmCertificateMissing,
    AcmQuotaReached,
    AcmWouldRefuse,
    RenewalError,
    StoreRefused,
    StoreUnavailable,
)
from renewal.domain.key_type import KeyType
from renewal.domain.order import ManagedCertificate, OrderStatus
from renewal.domain.run.payload import Progress
from renewal.ports.stores import CertificateWithKey
from renewal.wiring import RECORD_SECONDS
from tests.fakes import FakeAcm, FakeAnnouncer, FakeObjects, HandClock, Killed, interrupted, killed
from tests.throwaway_ca import hierarchy, pem
from tests.unit.system import IDP, NOW, PATH, System

PARIS, VIRGINIA = "acm:eu-west-3", "acm:us-east-1"
INVOCATION = timedelta(seconds=120)
"""The timeout of `CollectFunction` in template.yaml; that of `EnrollFunction` is shorter."""
EVERYWHERE = replace(IDP, stores=(PARIS, VIRGINIA, "s3"))


@dataclass(slots=True)
class Failing(FakeAcm):
    """ACM whose regions refuse imports."""

    errors: Mapping[str, RenewalError] = field(default_factory=dict)
    """By region."""

    def put(self, pair: CertificateWithKey, region: str, arn: str | None) -> str:
        """Refuse, or import."""
        if region in self.errors:
            raise self.errors[region]
        return FakeAcm.put(self, pair, region, arn)


def failing(system: System, **errors: RenewalError) -> Failing:
    """The system's ACM; `us_east_1=` refuses there."""
    by_region = {region.replace("_", "-"): error for region, error in errors.items()}
    return Failing(system.acm.held, system.acm.imports, errors=by_region)


def ordered(system: System) -> Progress:
    """An order for all stores."""
    system.add(EVERYWHERE)
    return system.enroll()


def again(system: System) -> Progress:
    """The order of a renewal: the stores serve an earlier certificate."""
    system.collect(ordered(system))
    system.book.ask(PATH, "again", NOW)
    return system.enroll()


@pytest.mark.parametrize(
    "error", [StoreUnavailable("throttled", had_no_effect=True), AcmQuotaReached("2,500 held"), StoreRefused("denied")]
)
def test_a_region_that_fails_keeps_no_other_store_waiting(system: System, error: RenewalError) -> None:
    """S3 would serve the old certificate until it expires, although the new one is issued."""
    progress = again(system)
    before = system.stored()

    with pytest.raises(type(error), match=f"stored in {VIRGINIA}, s3; {PARIS}: {type(error).__name__}: {error}"):
        system.collect(progress, acm=failing(system, eu_west_3=error))

    certificate = system.book.certificate(*PATH)
    order, stored = certificate.order, certificate.stored
    assert order is not None
    assert stored is not None
    new = system.objects.current[PATH]
    assert (order.status, order.stores, certificate.lacking_stores) == (OrderStatus.ISSUED, (VIRGINIA, "s3"), (PARIS,))
    assert stored == before, "what is stored by every store is still the earlier certificate"
    assert {arn: pair.chain.leaf.serial == new for arn, pair in system.acm.held.items()} == {
        before.arns["eu-west-3"]: False,
        before.arns["us-east-1"]: True,
    }
    assert f"univ/idp/{before.serial}/privkey.pem" not in system.objects.files
    assert order.sealed_key, "the key stays until all stores have the certificate"


REGIONS = ("ap-south-1", "eu-central-1", "eu-north-1", "eu-west-1", "sa-east-1")


@dataclass(slots=True)
class Hanging(FakeAcm):
    """ACM in whose *regions* each call ends when its time is over, and the function when its own is."""

    clock: HandClock = field(kw_only=True)
    regions: tuple[str, ...] = REGIONS
    ends: datetime = field(init=False)

    def invoked(self) -> Deadline:
        """An invocation begins: its deadline."""
        self.ends = self.clock() + INVOCATION
        return Deadline(self.ends, self.clock)

    def put(self, pair: CertificateWithKey, region: str, arn: str | None) -> str:
        """Import."""
        self._wait(region)
        return FakeAcm.put(self, pair, region, arn)

    def find(self, pair: CertificateWithKey, region: str) -> str | None:
        """Search for an import."""
        self._wait(region)
        return FakeAcm.find(self, pair, region)

    def refusal(self, certificate: ManagedCertificate, region: str) -> RenewalError | None:
        """Answer before an order."""
        try:
            self._wait(region)
        except StoreUnavailable as error:
            return error
        return FakeAcm.refusal(self, certificate, region)

    def _wait(self, region: str) -> None:
        self.clock.advance(seconds=22 if region in self.regions else 0.5)
        if self.clock() >= self.ends:
            raise Killed
        if region in self.regions:
            raise StoreUnavailable("no answer")


@pytest.mark.parametrize("is_renewal", [False, True], ids=["first", "renewal"])
@pytest.mark.parametrize("healthy", ["aa", "zz"], ids=["before them", "behind them"])
def test_regions_that_hang_keep_no_other_region_waiting(system: System, healthy: str, *, is_renewal: bool) -> None:
    """Their calls take longer than the function lives: with a fixed order it would be killed before the last region."""
    stores = tuple(f"acm:{region}" for region in (*REGIONS, healthy))
    system.add(replace(IDP, stores=stores))
    if is_renewal:
        system.renew()
        system.book.ask(PATH, "again", NOW)
    progress = system.enroll()
    acm = Hanging(system.acm.held, system.acm.imports, clock=system.clock)
    reported = ""

    for _ in stores:  # an attempt each hour
        with pytest.raises(StoreUnavailable) as error:
            system.collect(progress, acm=acm, deadline=acm.invoked())
        reported += str(error.value)
        if f"acm:{healthy}" in system.book.orders[PATH].stores:
            break
        system.clock.advance(hours=1)

    assert f"acm:{healthy}" in system.book.orders[PATH].stores
    assert system.announcer.announced[-1][0] == "univ/idp"
    assert all(store in reported for store in stores), "each is reported by name"
    assert "no time was left for it" in reported

    acm.regions = ()
    system.clock.advance(minutes=6)
    system.collect(progress, acm=acm, deadline=acm.invoked())
    assert {pair.chain.leaf.serial for pair in system.acm.held.values()} == {system.stored().serial}
    assert len(system.acm.held) == len(stores), "no second ARN"


@pytest.mark.parametrize("hour", range(len(REGIONS) + 1))
def test_retries_in_the_same_hour_begin_with_other_regions(system: System, hour: int) -> None:
    """A store that works waits minutes, and not hours, for regions that hang, in whichever hour they do."""
    system.add(replace(IDP, stores=tuple(f"acm:{region}" for region in (*REGIONS, "aa"))))
    progress = system.enroll()
    acm = Hanging(system.acm.held, system.acm.imports, clock=system.clock)
    system.clock.now = NOW.replace(minute=0) + timedelta(hours=hour)

    while "acm:aa" not in system.book.orders[PATH].stores:
        assert system.clock() < NOW.replace(minute=30) + timedelta(hours=hour)
        with pytest.raises(StoreUnavailable):
            system.collect(progress, acm=acm, deadline=acm.invoked())
        system.clock.advance(minutes=1)


def test_regions_that_hang_keep_no_certificate_from_its_order(system: System) -> None:
    """Whether an ARN is ours is asked before an order; another region may take the certificate."""
    system.add(replace(IDP, stores=tuple(f"acm:{region}" for region in (*REGIONS, "zz"))))
    acm = Hanging(clock=system.clock)

    system.enroll(acm=acm, deadline=acm.invoked().before(RECORD_SECONDS))

    assert len(system.scm.orders) == 1


def test_no_order_waits_for_regions_when_s3_takes_its_certificate(system: System) -> None:
    """What they answer would not change the decision."""
    system.add(EVERYWHERE)
    acm = Hanging(clock=system.clock, regions=("eu-west-3", "us-east-1"))

    before = system.clock()
    system.enroll(acm=acm, deadline=acm.invoked())

    assert system.clock() == before


def test_the_order_ends_when_the_last_store_has_it(system: System) -> None:
    """Those that have it are left alone."""
    progress = again(system)
    before = dict(system.acm.imports)
    with pytest.raises(AcmQuotaReached):
        system.collect(progress, acm=failing(system, eu_west_3=AcmQuotaReached("full")))
    assert system.book.orders[PATH].storing_error == "AcmQuotaReached", "`status` shows it"
    objects = interrupted(system.objects, "put", before=killed)
    system.clock.advance(hours=2)

    system.collect(progress, objects=objects)

    stored = system.stored()
    assert not system.book.orders
    assert (stored.stores, stored.serial) == (EVERYWHERE.stores, system.objects.current[PATH])
    assert (stored.issued_at, stored.stored_at) == (NOW, NOW + timedelta(hours=2))
    assert {count - before[arn] for arn, count in system.acm.imports.items()} == {1}
    assert system.book.rows[-1].stores == EVERYWHERE.stores


def test_the_order_ends_when_the_operator_removes_the_store(system: System) -> None:
    """Nothing waits for a store that is not wanted any more."""
    progress = again(system)
    acm = failing(system, eu_west_3=AcmQuotaReached("full"))
    with pytest.raises(AcmQuotaReached):
        system.collect(progress, acm=acm)
    system.add(replace(EVERYWHERE, stores=(VIRGINIA, "s3")))

    system.collect(progress, acm=acm)

    assert system.stored().stores == (VIRGINIA, "s3")
    assert list(system.stored().arns) == ["us-east-1"]


def test_events_name_the_stores_that_have_it(system: System) -> None:
    """A consumer of S3 does not wait for ACM; a consumer of ACM is not sent to the old certificate."""
    published: list[tuple[tuple[str, ...], list[str]]] = []

    class Recorded(FakeAnnouncer):
        """Remembers stores and regions."""

        def announce_renewal(self, order: Any, stored: Any, previous: Any) -> None:
            """Publish, and keep the serial."""
            published.append((stored.stores, sorted(stored.held_arns)))
            FakeAnnouncer.announce_renewal(self, order, stored, previous)

    progress = again(system)
    acm = failing(system, eu_west_3=AcmQuotaReached("full"))
    for _ in range(3):
        with pytest.raises(AcmQuotaReached):
            system.collect(progress, acm=acm, announcer=Recorded())
    system.collect(progress, announcer=Recorded())

    assert published == [((VIRGINIA, "s3"), ["us-east-1"]), (EVERYWHERE.stores, ["eu-west-3", "us-east-1"])]


def test_each_failure_is_reported_with_its_store(system: System) -> None:
    """One name is in the report; a retry that can help one of the stores is made."""
    acm = failing(system, eu_west_3=AcmQuotaReached("full"), us_east_1=StoreUnavailable("busy", had_no_effect=True))

    with pytest.raises(StoreUnavailable) as error:
        system.collect(ordered(system), acm=acm)

    assert str(error.value) == f"stored in s3; {PARIS}: AcmQuotaReached: full; {VIRGINIA}: StoreUnavailable: busy"


def test_s3_keeps_no_region_waiting(system: System) -> None:
    """The other way round."""

    def denied() -> None:
        raise StoreRefused("s3:PutObject")

    progress = again(system)
    with pytest.raises(StoreRefused, match="stored in acm:eu-west-3, acm:us-east-1; s3: StoreRefused"):
        system.collect(progress, objects=interrupted(system.objects, "put", before=denied))

    assert len({pair.chain.leaf.serial for pair in system.acm.held.values()}) == 1
    assert system.objects.current[PATH] not in {pair.chain.leaf.serial for pair in system.acm.held.values()}


@pytest.mark.parametrize(("port", "method"), [("objects", "erase_replaced_keys"), ("announcer", "announce_renewal")])
def test_what_follows_the_stores_is_repeated_on_its_own(system: System, port: str, method: str) -> None:
    """The old key is erased and the event is published in any case; neither keeps the certificate from its stores."""
    real: FakeObjects | FakeAnnouncer = system.objects if port == "objects" else system.announcer

    def denied() -> None:
        raise StoreRefused(f"{port}.{method}")

    progress = again(system)
    old = system.stored().serial
    instead: dict[str, Any] = {port: interrupted(real, method, before=denied)}
    with pytest.raises(StoreRefused, match=f"{port}.{method}"):
        system.collect(progress, **instead)
    assert system.objects.current[PATH] not in {"", old}
    assert {pair.chain.leaf.serial for pair in system.acm.held.values()} == {system.objects.current[PATH]}

    system.collect(progress)

    assert not system.book.orders
    assert f"univ/idp/{old}/privkey.pem" not in system.objects.files
    assert [serial for _, serial in system.announcer.announced] == [old, system.objects.current[PATH]]


MOMENTS = [
    ("acm", "put", 1),
    ("acm", "put", 2),
    ("book", "record_import", 1),
    ("book", "record_import", 2),
    ("objects", "put", 1),
    ("announcer", "announce_renewal", 1),
    ("objects", "erase_replaced_keys", 1),
    ("book", "record_stores", 1),
    ("book", "note", 1),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("port", "method", "at"), MOMENTS)
@pytest.mark.parametrize("is_renewal", [False, True], ids=["first", "renewal"])
def test_a_partial_storing_that_is_killed_anywhere_is_continued(
    system: System, port: str, method: str, at: int, when: str, is_renewal: bool
) -> None:
    """No second ARN, no lost key, and an event for whatever a store has."""
    if is_renewal:
        system.collect(ordered(system))
        system.book.ask(PATH, "again", NOW)
    progress = ordered(system)
    refusing: Any = failing(system, us_east_1=AcmQuotaReached("full"))
    ports: dict[str, Any] = {
        "acm": refusing,
        "book": system.book,
        "objects": system.objects,
        "announcer": system.announcer,
    }
    ports[port] = interrupted(ports[port], method, at=at, **{when: killed})
    with pytest.raises((Killed, AcmQuotaReached)):
        system.collect(progress, **ports)
    order = system.book.orders[PATH]
    system.seal.open(order.sealed_key, delegation="univ", certificate="idp", token=order.token)  # raises KeyLost
    system.clock.advance(minutes=6)
    with pytest.raises(AcmQuotaReached):
        system.collect(progress, acm=refusing)
    assert ("univ/idp", system.objects.current[PATH]) in system.announcer.announced
    system.clock.advance(minutes=6)

    system.collect(progress)

    assert (len(system.acm.held), len(system.scm.orders), system.book.orders) == (2, 1 + is_renewal, {})
    assert {pair.chain.leaf.serial for pair in system.acm.held.values()} == {system.stored().serial}
    assert system.objects.current[PATH] == system.stored().serial


# ---- For months ------------------------------------------------------------------------------------------------------


def test_a_store_that_never_works_does_not_keep_the_others_from_the_next_order(system: System) -> None:
    """The open order would keep S3 on one certificate until that expires."""
    acm = failing(system, eu_west_3=AcmQuotaReached("full"))
    progress = again(system)
    arn = system.stored().arns["eu-west-3"]
    with pytest.raises(AcmQuotaReached):
        system.collect(progress, acm=acm)
    first = system.objects.current[PATH]
    system.clock.advance(days=150)

    with pytest.raises(AcmQuotaReached):
        system.collect(progress, acm=acm)

    stored = system.stored()
    assert not system.book.orders
    assert (stored.serial, stored.stores, sorted(stored.held_arns)) == (first, (VIRGINIA, "s3"), ["us-east-1"])
    assert system.book.rows[-1].text.startswith(f"stored in {VIRGINIA}, s3; {PARIS}: AcmQuotaReached")
    assert system.book.next_actions[PATH] <= system.clock()
    system.renew()
    assert system.objects.current[PATH] == system.stored().serial != first
    assert system.stored().arns["eu-west-3"] == arn, "the region that works again keeps its ARN"
    assert len(system.acm.held) == 2


def test_a_certificate_that_no_store_took_stays_open(system: System) -> None:
    """Nothing serves it, so the order is all that is known of it."""
    acm = failing(system, eu_west_3=AcmQuotaReached("full"))
    only = replace(IDP, stores=(PARIS,))
    system.add(only)
    progress = system.enroll()
    with pytest.raises(AcmQuotaReached):
        system.collect(progress, acm=acm)
    system.clock.advance(days=150)

    with pytest.raises(AcmQuotaReached):
        system.collect(progress, acm=acm)
    assert system.book.orders[PATH].sealed_key


# ---- Refusals that are foreseen, and rules of one store --------------------------------------------------------------


def deleted(system: System) -> None:
    """The ARN in Paris was deleted in the console."""
    del system.acm.held[system.stored().arns["eu-west-3"]]


def of_another_key_type(system: System) -> None:
    """The file names an ARN that ACM will not give another key type."""
    arn = system.stored().arns["eu-west-3"]
    system.add(replace(EVERYWHERE, key_type=KeyType.RSA_2048, arns={"eu-west-3": arn}))


@pytest.mark.parametrize(("cause", "error"), [(deleted, AcmCertificateMissing), (of_another_key_type, AcmWouldRefuse)])
def test_a_refusal_that_is_foreseen_stops_its_own_store_only(
    system: System, cause: Callable[[System], None], error: type[RenewalError]
) -> None:
    """The certificate is worth its order as long as one store takes it; the refused one is reported by each run."""
    system.collect(ordered(system))
    before = system.stored().serial
    system.book.ask(PATH, "again", NOW)
    cause(system)

    with pytest.raises(error, match=f"stored in {VIRGINIA}, s3; {PARIS}"):
        system.collect(system.enroll())

    assert system.objects.current[PATH] != before
    assert len(system.scm.orders) == 2


def test_nothing_is_ordered_when_every_store_would_refuse(system: System) -> None:
    """A certificate that can be stored nowhere is an order for nothing."""
    only_acm = replace(IDP, stores=(PARIS, VIRGINIA), arns={"eu-west-3": "arn:gone", "us-east-1": "arn:gone"})
    system.add(only_acm)

    with pytest.raises(AcmCertificateMissing, match=f"{PARIS}: AcmCertificateMissing.*{VIRGINIA}: "):
        system.enroll()
    assert not system.scm.orders


def test_a_region_that_cannot_be_asked_stops_no_order_for_another_store(system: System) -> None:
    """ACM of one region is down: whether it takes the certificate is seen later."""
    system.add(replace(EVERYWHERE, stores=(PARIS, VIRGINIA), arns={"eu-west-3": "arn:x"}))

    class Down(FakeAcm):
        """Answers no question."""

        def refusal(self, certificate: Any, region: str) -> RenewalError | None:
            """Be down in Paris."""
            del certificate
            return StoreUnavailable("503") if region == "eu-west-3" else None

    system.enroll(acm=Down())

    assert len(system.scm.orders) == 1


def test_the_algorithm_that_acm_refuses_is_stored_in_s3(system: System) -> None:
    """It is ACM's rule: no other store requires that the issuer's key is of the same algorithm."""
    spec = replace(IDP, key_type=KeyType.RSA_2048, stores=(PARIS, "s3"))
    system.scm.bundles = lambda order, leaf: pem(
        hierarchy().ec.issue(leaf.public_key(), order.request.names, not_before=NOW, days=199),  # type: ignore[arg-type]
        hierarchy().ec.certificate,
    )
    system.add(spec)

    with pytest.raises(AcmWouldRefuse, match=r"stored in s3; acm:eu-west-3: AcmWouldRefuse: .* different algorithms"):
        system.collect(system.enroll())
    assert system.objects.current[PATH]


def test_a_leaf_of_a_root_has_its_root_as_chain(system: System) -> None:
    """An empty chain.pem stops a server at its next start."""
    root = hierarchy().root
    system.scm.bundles = lambda order, leaf: pem(
        root.certificate,
        root.issue(leaf.public_key(), order.request.names, not_before=NOW, days=199),  # type: ignore[arg-type]
    )

    stored = system.renew()

    folder = f"univ/idp/{stored.serial}"
    leaf, chain, full = (system.objects.files[f"{folder}/{name}.pem"] for name in ("cert", "chain", "fullchain"))
    assert (chain, full) == (pem(root.certificate), leaf + chain)


def test_a_run_that_another_one_has_overtaken_announces_nothing(system: System) -> None:
    """Its event would be the last one, and lack the region whose import the other run has recorded."""
    progress = ordered(system)
    overtaken = interrupted(system.acm, "put", after=lambda: system.collect(progress), at=2)

    assert system.collect(progress, acm=overtaken).status == "stored"

    assert len(system.announcer.announced) == 1
