"""`certmandate export`, and the examples for monitoring that read it: Prometheus' rules and certspotter's hook."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography import x509

from certmandate.views.exports import openmetrics
from certmandate.views.exports.public_keys import OrderedKeys
from local.tls_server import TlsServer
from renewal.domain.certificate.facts import Certificate
from renewal.domain.delegation import CertificateSpec
from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.judgement.acting_times import ActingTimes
from renewal.domain.judgement.certificate import judge
from renewal.domain.keypair import KeyPair, public_key_bytes
from renewal.domain.order import FinishedOrder, ManagedCertificate, OrderStatus
from renewal.domain.setup.inspection import DelegationRecord
from tests.certmandate.desk import Desk
from tests.fetch.debian import ROOT, NotInstallable, Unpacked
from tests.throwaway_ca import hierarchy, pem
from tests.unit.orders import an_order
from tests.unit.system import DELEGATION, IDP, NOW, managed, stored_by

ESTATE = ("recent:20", "other:30", "renewed:5")
A_DAY = timedelta(days=1)
EXAMPLES = ROOT / "examples" / "monitoring"
RULES = EXAMPLES / "certmandate.rules.yaml"
PROGRAMS = ("prometheus", "prometheus-blackbox-exporter")
parsed = import_module("prometheus_client.openmetrics.parser").text_string_to_metric_families
parsed_as_text = import_module("prometheus_client.parser").text_string_to_metric_families
EXPECTED = "certmandate_expected_certificate_timestamp_seconds"


def samples(text: str) -> dict[str, list[Any]]:
    """Return the samples by metric, as the parser of Prometheus' own client reads them."""
    return {family.name: family.samples for family in parsed(text)}


def metrics_of(*certificates: ManagedCertificate) -> str:
    """Return the document about *certificates*."""
    judged = [judge(each, DelegationRecord(DELEGATION), NOW, ActingTimes()) for each in certificates]
    return "".join(f"{line}\n" for line in openmetrics.lines(judged, (), 0, NOW))


def leaf_of(desk: Desk, name: str) -> Certificate:
    """The certificate that S3 has."""
    return Certificate(x509.load_pem_x509_certificates(desk.pem(name))[0])


# ---- OpenMetrics ---------------------------------------------------------------------------------------------------


def test_the_export_names_the_certificate_that_clients_must_meet(desk: Desk) -> None:
    """No other program knows it; the fingerprints are written as the blackbox exporter writes them."""
    found = samples(desk.run("export", "--openmetrics").stdout)

    leaf = leaf_of(desk, "recent")
    expected = {sample.labels["name"]: sample for sample in found[EXPECTED]}
    assert expected["recent.univ.example"].labels == {
        "delegation": "univ",
        "certificate": "univ/recent",
        "name": "recent.univ.example",
        "fingerprint_sha256": leaf.fingerprint().lower(),
        "public_key_sha256": leaf.key_fingerprint.lower(),
    }
    grace = timedelta(hours=24)
    assert expected["recent.univ.example"].value == round((desk.stored("recent").stored_at + grace).timestamp())
    states = {sample.labels["certificate"]: sample.labels["state"] for sample in found["certmandate_certificate_state"]}
    assert states == {"univ/recent": "fine", "univ/other": "fine", "univ/renewed": "fine"}
    assert found["certmandate_unreadable_items"][0].value == 0


def test_the_export_is_also_prometheus_older_text_format(desk: Desk) -> None:
    """The textfile collector of node_exporter reads no other, and refuses the whole file for one unknown type."""
    text = desk.run("export", "--openmetrics").stdout

    assert {family.type for family in parsed_as_text(text)} == {"gauge"}
    assert {family.name for family in parsed_as_text(text)} == set(samples(text))


def test_a_declared_host_is_a_name_of_its_certificate() -> None:
    """A wildcard certificate has no name that a probe could have as its target."""
    spec = CertificateSpec("univ", "apps", ("*.apps.univ.example",), 1, served_at=(Endpoint("a.apps.univ.example"),))
    found = samples(metrics_of(ManagedCertificate(spec, stored_by(spec, fingerprint="AB"))))

    assert [each.labels["name"] for each in found[EXPECTED]] == ["*.apps.univ.example", "a.apps.univ.example"]


def test_the_new_certificate_is_expected_while_only_one_store_has_it() -> None:
    """A server that still presents the former one must raise an alert, for as long as the other store fails."""
    key = KeyPair.generate(IDP.key_type).private_key.public_key()
    issuer = hierarchy().issuer_for(key)
    leaf = issuer.issue(key, IDP.names, not_before=NOW, days=199)
    order = an_order(status=OrderStatus.ISSUED, chain=pem(leaf, issuer.certificate), stores=("s3",))
    found = samples(metrics_of(managed(stored=stored_by(IDP, fingerprint="AB"), order=order)))

    expected = {each.labels["fingerprint_sha256"] for each in found[EXPECTED]}
    assert expected == {Certificate(leaf).fingerprint().lower()}


def test_nothing_is_expected_of_a_certificate_without_fingerprint(desk: Desk) -> None:
    """An empty fingerprint would never match what a server presents: an alert without a fault."""
    found = samples(metrics_of(managed(age=20)))

    assert found[EXPECTED] == []
    assert list(openmetrics.without_fingerprint([managed(age=20)])) == ["univ/idp"]


def test_a_hostile_name_is_only_a_label() -> None:
    """A name that could end its label would add samples of its own."""
    spec = replace(IDP, name='x"} 1\ny\\')
    text = metrics_of(ManagedCertificate(spec, stored_by(spec, fingerprint="AB")))

    assert {sample.labels["certificate"] for sample in samples(text)[EXPECTED]} == {spec.path}


def test_a_file_is_written_as_a_whole(desk: Desk, tmp_path: Path) -> None:
    """A collector that reads half a file reports certificates as missing."""
    target = tmp_path / "certmandate.prom"

    assert desk.run("export", "--openmetrics", "--output", target).stdout == ""
    assert target.read_text().endswith("# EOF\n")
    assert (target.stat().st_mode & 0o777, list(tmp_path.iterdir())) == (0o644, [target])


@pytest.mark.parametrize("options", [(), ("--openmetrics", "--public-keys")])
def test_exactly_one_document_is_exported(desk: Desk, options: tuple[str, ...]) -> None:
    """Two documents in one stream are valid as neither."""
    assert "exactly one of --openmetrics and --public-keys" in desk.refused("export", *options)


# ---- Prometheus' rules ---------------------------------------------------------------------------------------------


def test_the_rules_read_only_what_is_exported() -> None:
    """A metric that does not exist raises no alert, ever."""
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]

    used = set(re.findall(r"\bcertmandate_\w+", " ".join(rule["expr"] for rule in rules)))
    assert used
    assert used <= set(samples(metrics_of(managed(age=20))))


@pytest.fixture(scope="module")
def debian() -> Unpacked:
    """Debian's packages, or a skip."""
    try:
        return Unpacked.once(ROOT / "build" / "monitoring", PROGRAMS)
    except NotInstallable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def probed(debian: Unpacked, desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """By the name of a certificate: the series that the blackbox exporter makes of a server that presents it."""
    configuration = tmp_path_factory.mktemp("blackbox") / "blackbox.yaml"
    tls = {"prober": "tcp", "tcp": {"tls": True, "tls_config": {"insecure_skip_verify": True}}}
    configuration.write_text(yaml.safe_dump({"modules": {"tls": tls}}))
    with blackbox(debian, configuration) as url:
        return {name: probe(url, desk.pem(name, "privkey") + desk.pem(name)) for name in ("recent", "other")}


@contextmanager
def blackbox(debian: Unpacked, configuration: Path) -> Iterator[str]:
    """Run the blackbox exporter; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    program = ["prometheus-blackbox-exporter", f"--config.file={configuration}", f"--web.listen-address={address}"]
    path = str(debian.root / "usr" / "bin" / program[0])
    running = subprocess.Popen(
        [path if Path(path).exists() else program[0], *program[1:]], stderr=subprocess.DEVNULL, env=debian.environment
    )
    try:
        for _ in range(100):
            try:
                httpx.get(f"http://{address}/-/healthy").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield f"http://{address}"
    finally:
        running.terminate()
        running.wait(10)


def probe(url: str, pem: bytes) -> str:
    """Return the series `probe_ssl_last_chain_info{…}` about a server that presents *pem*."""
    with TlsServer(pem.decode()) as server:
        target = "{}:{}".format(*server.address)
        text = httpx.get(f"{url}/probe", params={"target": target, "module": "tls"}, timeout=20).text
    (line,) = [line for line in text.splitlines() if line.startswith("probe_ssl_last_chain_info{")]
    return line.rpartition(" ")[0]


AGO, AHEAD = -timedelta(hours=1), timedelta(hours=20)


@pytest.mark.parametrize(
    ("target", "presented", "deadline", "alerts"),
    [
        ("recent.univ.example:443", "recent", AGO, False),
        ("recent.univ.example:443", "other", AGO, True),
        ("https://recent.univ.example/login", "other", AGO, True),
        ("recent.univ.example", "other", AGO, True),
        ("recent.univ.example:443", "other", AHEAD, False),
        ("www.elsewhere.example:443", "other", AGO, False),
    ],
)
def test_another_certificate_than_the_expected_one_raises_the_alert(
    debian: Unpacked, desk: Desk, probed: dict[str, str], tmp_path: Path, *,
    target: str, presented: str, deadline: timedelta, alerts: bool,
) -> None:  # fmt: skip
    """The join of the blackbox exporter's real output with ours, run by promtool: within the grace it is silent."""
    exported = desk.run("export", "--openmetrics").stdout
    series = [
        {"series": probed[presented].replace("{", f'{{instance="{target}",', 1), "values": "1x30"},
        *({"series": each, "values": f"{int(deadline.total_seconds())}x30"} for each in expected_series(exported)),
    ]
    fingerprint = leaf_of(desk, presented).fingerprint().lower()
    alert = {
        "exp_labels": {
            "severity": "critical", "instance": target, "name": "recent.univ.example", "fingerprint_sha256": fingerprint
        },
        "exp_annotations": {
            "summary": f"{target} presents another certificate than certmandate has stored",
            "description": (
                f"It presents {fingerprint}. Most often the server was not reloaded after a renewal. Compare:\n"
                "certmandate show univ/recent\n"
            ),
        },
    }  # fmt: skip
    test = {
        "interval": "1m",
        "input_series": series,
        "alert_rule_test": [
            {"eval_time": "20m", "alertname": "ServedIsNotExpected", "exp_alerts": [alert] if alerts else []}
        ],
    }
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}))

    done = subprocess.run(
        ["promtool", "test", "rules", str(file)],  # noqa: S607 - Debian's, wherever it was unpacked
        capture_output=True, text=True, check=False, env=debian.environment,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr


def expected_series(exported: str) -> Iterable[str]:
    """The series of expected certificates. promtool's clock begins in 1970, so the test gives them its own values."""
    return (line.rpartition(" ")[0] for line in exported.splitlines() if line.startswith(f"{EXPECTED}{{"))


# ---- Public keys ---------------------------------------------------------------------------------------------------


def test_former_and_new_keys_of_a_renewed_certificate_are_exported(desk: Desk) -> None:
    """The former certificate is valid until it expires, and may be logged once more."""
    former = leaf_of(desk, "renewed")
    assert desk.run("renew", "univ/renewed", "--force", "--reason", "test", "--yes").exit_code == 0

    keys = desk.run("export", "--public-keys").stdout.split()

    mine = [leaf_of(desk, name).key_fingerprint.lower() for name in ("recent", "other", "renewed")]
    assert {*mine, former.key_fingerprint.lower()} == set(keys)
    assert keys == sorted(keys)


def test_the_key_of_an_order_is_exported_open_or_closed() -> None:
    """A monitor meets a certificate before it is collected, and SCM may issue what the operator has closed."""
    key = KeyPair.generate(IDP.key_type)
    order = an_order(csr=key.signing_request(IDP.names))
    expected = hashlib.sha256(public_key_bytes(key.private_key.public_key())).hexdigest()

    assert OrderedKeys.of([managed(order=order)], [], NOW).fingerprints == (expected,)
    assert OrderedKeys.of([], [order.failed_row("ClosedByOperator", "", NOW)], NOW).fingerprints == (expected,)


def finished(**changes: Any) -> FinishedOrder:
    """The audit row of an order that was stored 100 days ago, for 199 days."""
    row = an_order().stored_row(stored_by(IDP, age=100), None, "")
    return replace(row, **changes)


def test_a_key_is_exported_until_its_certificate_expires() -> None:
    """The list would grow for ever otherwise."""
    rows = [
        finished(key_fingerprint="AA", serial="1"),
        finished(key_fingerprint="BB", serial="2", not_after=NOW + A_DAY),
    ]

    assert OrderedKeys.of([], rows, NOW).fingerprints == ("aa", "bb")
    assert OrderedKeys.of([], rows, NOW + A_DAY).fingerprints == ("aa",)


def test_a_valid_certificate_whose_key_is_not_recorded_is_named() -> None:
    """It was stored by an earlier version. Without the line, the operator could not explain the alert."""
    keys = OrderedKeys.of([managed(age=20)], [finished(serial="F00"), finished(serial="E00", not_after=NOW)], NOW)

    assert keys.fingerprints == ()
    assert keys.unknown == ("univ/idp, serial 0ABC", "univ/idp, serial 0F00")


# ---- certspotter's hook --------------------------------------------------------------------------------------------

OURS, FOREIGN = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("event", "key", "export", "reported"),
    [
        ("discovered_cert", OURS, f"echo {OURS}", False),
        ("discovered_cert", FOREIGN, f"echo {OURS}", True),
        ("discovered_cert", OURS, "exit 75", True),
        ("discovered_cert", "", "echo", True),
        ("malformed_cert", "", f"echo {OURS}", True),
        ("error", None, f"echo {OURS}", True),
    ],
)
def test_only_a_certificate_of_ours_is_not_reported(
    tmp_path: Path, event: str, key: str | None, export: str, reported: bool
) -> None:
    """A foreign certificate must be reported whatever fails; an alert about an order of ours is soon ignored."""
    for name, body in {"certmandate": export, "sendmail": f"cat > {tmp_path}/mail"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SENDMAIL": f"{tmp_path}/sendmail", "EVENT": event}
    environment |= {} if key is None else {"PUBKEY_SHA256": key}

    subprocess.run([EXAMPLES / "certspotter-hook"], env={**environment, "SUMMARY": "found"}, check=True)

    mail = tmp_path / "mail"
    assert mail.exists() == reported
    assert not reported or "Subject: [certspotter] found" in mail.read_text()
