"""The recipes of examples/servers with Debian's servers: fetch from the local AWS, reload, present the certificate.

The client runs with Debian's Python, boto3 and cryptography; the prober of verify_served judges what is presented.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import lint_all
from samtranslator.yaml_helper import yaml_parse

from certmandate_fetch.__main__ import parser
from certmandate_fetch.configuration import read_configuration
from certmandate_fetch.errors import ConfigurationInvalid
from local import LocalAws
from local.run import TEMPLATE
from renewal.adapters.endpoints.prober import TlsProber
from renewal.adapters.events import EventBridgeAnnouncer
from renewal.adapters.objects import S3Certificates
from renewal.deadline import Deadline
from renewal.domain.endpoint.declaration import Endpoint
from renewal.domain.endpoint.observation import EndpointState
from renewal.domain.service.comparison import Expected, compare
from renewal.ports.stores import CertificateWithKey
from tests.adapters.aws.records import SPEC, a_stored, an_order
from tests.fetch.debian import ROOT, NotInstallable, Unpacked
from tests.fetch.host import FOLDER, NAME, a_new_pair
from tests.throwaway_ca import hierarchy, pem, trusted_roots

RECIPES = ROOT / "examples" / "servers"
APACHE_MODULES = ("mpm_event", "authz_core", "socache_shmcb", "ssl")


@dataclass(frozen=True)
class Recipe:
    """How a server of the test's own is run; `{0}` is its folder, `{1}` Apache's modules, `{2}` its port."""

    file: str
    around: str
    test: str
    start: str
    reload: str
    stop: str
    declared: str = ""


NGINX = "nginx -p {0} -e {0}/error.log -c {0}/main.conf"
APACHE = "apache2 -d {0} -f {0}/main.conf"
HAPROXY = "haproxy -f {0}/main.conf -f {0}/haproxy.cfg"
RECIPES_BY_SERVER = {
    "nginx": Recipe(
        "nginx.conf",
        "pid {0}/pid;\nevents {{ }}\nhttp {{\naccess_log off;\n"
        + "".join(f"{kind}_temp_path {{0}}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        + "include {0}/nginx.conf;\n}}\n",
        f"{NGINX} -t", NGINX, f"{NGINX} -s reload", f"{NGINX} -s stop",
    ),
    "apache": Recipe(
        "apache.conf",
        "".join(f"LoadModule {name}_module {{1}}/mod_{name}.so\n" for name in APACHE_MODULES)
        + "Listen {2}\nPidFile {0}/pid\nErrorLog {0}/error.log\nDefaultRuntimeDir {0}\nMutex file:{0}\n"
        "ServerName localhost\nInclude {0}/apache.conf\n",
        f"{APACHE} -t", f"{APACHE} -k start", f"{APACHE} -k graceful", f"{APACHE} -k stop",
    ),
    "haproxy": Recipe(
        "haproxy.cfg",
        "defaults\n  timeout client 5s\n  timeout connect 5s\n  timeout server 5s\n",
        f"{HAPROXY} -c -q", f"{HAPROXY} -W -D -p {{0}}/pid",
        "sh -c 'kill -USR2 $(cat {0}/pid)'", "sh -c 'kill $(cat {0}/pid)'", "haproxy = yes",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def debian() -> Unpacked:
    """Debian's packages, or a skip."""
    try:
        return Unpacked.once(ROOT / "build" / "servers")
    except NotInstallable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def client() -> Path:
    """The client in one file, as an administrator copies it to a server."""
    subprocess.run(["make", "--silent", "client"], cwd=ROOT, check=True)  # noqa: S607
    return ROOT / "build" / "certmandate-fetch"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """The stack of the template over HTTP."""
    with LocalAws(TEMPLATE) as served:
        yield served


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class RunningServer:
    """One server by its recipe in *folder*, with the client's configuration file."""

    def __init__(self, recipe: Recipe, folder: Path, debian: Unpacked, aws: LocalAws) -> None:
        self._recipe, self._folder, self._aws = recipe, folder, aws
        self._modules = debian.root / "usr" / "lib" / "apache2" / "modules"
        self._port = free_port()
        self.environment = {**debian.environment, **{k: v for k, v in aws.exports().items() if "ENDPOINT" not in k}}
        text = (RECIPES / recipe.file).read_text(encoding="utf-8")
        text = text.replace("/etc/certmandate-fetch", str(folder))
        text, changed = re.subn(r"(?<=[ :])443\b", str(self._port), text)
        assert changed
        (folder / recipe.file).write_text(text)
        (folder / "main.conf").write_text(recipe.around.format(folder, self._modules, self._port))
        (folder / "roots.pem").write_text(pem(hierarchy().root.certificate))
        self.declare()

    def declare(self, *lines: str) -> None:
        """Write the client's configuration."""
        text = (
            "[store]", f"bucket = {self._aws.outputs['StoreBucket']}", f"delegation = {SPEC.delegation}",
            f"endpoint = {self._aws.endpoint}", f"roots = {self._folder}/roots.pem", "host = web-1",
            f"[certificate {SPEC.name}]", f"names = {NAME}", f"folder = {self._folder}/idp",
            self._recipe.declared, *lines,
        )  # fmt: skip
        (self._folder / "fetch.conf").write_text("\n".join(text))

    def declare_all(self) -> None:
        """With what a running server needs."""
        test, reload = (each.format(self._folder) for each in (self._recipe.test, self._recipe.reload))
        self.declare(f"test = {test}", f"reload = {reload}", f"connect = 127.0.0.1:{self._port}")

    @contextmanager
    def started(self) -> Iterator[None]:
        """Run it until the end of the block."""
        self._run(self._recipe.start)
        try:
            yield
        finally:
            self._run(self._recipe.stop)

    def fetch(self, client: Path) -> dict[str, Any]:
        """Run the client with Debian's Python; return its document."""
        done = subprocess.run(
            ["/usr/bin/python3", client, "--config", self._folder / "fetch.conf", "--json"],
            env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout
        return dict(json.loads(done.stdout))

    def settled(self, pair: CertificateWithKey) -> EndpointState:
        """What verify_served observes there once the server has ended the workers of before, when it expects *pair*."""
        ends = time.monotonic() + 5
        while (state := self._observed(pair)) is not EndpointState.SERVED and time.monotonic() < ends:
            time.sleep(0.05)  # after a reload, an old worker of nginx accepts connections for a short time
        return state

    def _observed(self, pair: CertificateWithKey) -> EndpointState:
        now, endpoint, leaf = datetime.now(UTC), Endpoint(NAME, 443), pair.chain.leaf
        prober = TlsProber(permits_private=True, resolve=lambda _host, _port: [("127.0.0.1", self._port)])
        deadline = Deadline(now + timedelta(seconds=20), lambda: datetime.now(UTC))
        (contact,) = prober.contacts([endpoint], deadline)[endpoint]
        expected = Expected(leaf.serial, leaf.key_fingerprint, dict)
        return compare(contact, NAME, expected, trusted_roots(), now)[0]

    def _run(self, command: str) -> None:
        words = shlex.split(command.format(self._folder))
        done = subprocess.run(
            words, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=2, check=False
        )
        assert done.returncode == 0, command


@pytest.mark.parametrize("name", RECIPES_BY_SERVER)
def test_a_renewed_certificate_is_presented_by(
    name: str, debian: Unpacked, client: Path, aws: LocalAws, tmp_path: Path
) -> None:
    """An administrator copies the example: it must work as it is, but for names and folders."""
    server = RunningServer(RECIPES_BY_SERVER[name], tmp_path, debian, aws)
    store, bucket = aws.client("s3"), aws.outputs["StoreBucket"]
    store.delete_object(Bucket=bucket, Key=f"{FOLDER}/current.json")
    S3Certificates(store, bucket).put(a_new_pair(begins_days_ago=2))
    server.fetch(client)
    with server.started():
        renewed = a_new_pair()
        S3Certificates(store, bucket).put(renewed)
        server.declare_all()
        document = server.fetch(client)
        observed = server.settled(renewed)

    assert observed is EndpointState.SERVED
    (row,) = document["certificates"]
    assert (row["state"], row["serial"]) == ("served", renewed.chain.leaf.serial)
    report = store.get_object(Bucket=bucket, Key=f"served/{SPEC.delegation}/web-1.json")["Body"].read()
    assert json.loads(report)["certificates"] == [row]


def test_the_example_of_a_configuration_is_valid() -> None:
    """It needs programs, folders, users and files that a server has."""
    with pytest.raises(ConfigurationInvalid) as found:
        read_configuration(RECIPES / "certmandate-fetch.conf")

    absent = re.compile(r"there is no (program|folder|file)|this system has no (owner|group)")
    assert not [fault for fault in str(found.value).splitlines() if not absent.search(fault)]


def test_the_other_examples_can_be_parsed() -> None:
    """They are not executed: CloudFormation's is linted, and the parts of each manifest fit together."""
    rule = (RECIPES / "reload-on-renewal.yaml").read_text(encoding="utf-8")
    assert not [each for each in lint_all(rule) if each.rule.id[0] in "EW"]
    secret = yaml.safe_load((RECIPES / "external-secret.yaml").read_text())
    assert (secret["apiVersion"], secret["kind"]) == ("external-secrets.io/v1", "ExternalSecret")
    assert {entry["secretKey"] for entry in secret["spec"]["data"]} == {"tls.crt", "tls.key"}
    assert (secret["metadata"]["name"], secret["spec"]["target"]["template"]["type"]) == (
        "idp-tls",
        "kubernetes.io/tls",
    )
    job = yaml.safe_load((RECIPES / "cronjob.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    parser().parse_args(container["command"][1:])


@pytest.mark.parametrize(
    ("stores", "delegation", "is_started"),
    [(("s3", "acm:eu-west-3"), "univ", True), (("acm:eu-west-3",), "univ", False), (("s3",), "other", False)],
)
def test_the_rule_starts_the_client_after_a_renewal_in_s3(
    aws: LocalAws, stores: tuple[str, ...], delegation: str, is_started: bool
) -> None:
    """The event is the one that `collect` publishes, and the rule the example's, with a log for Run Command."""
    events, logs, name = aws.client("events"), aws.client("logs"), f"rule-{delegation}-{len(stores)}-{stores[0][:2]}"
    rule = yaml_parse((RECIPES / "reload-on-renewal.yaml").read_text())["Resources"]["Renewed"]["Properties"]
    pattern = json.dumps(rule["EventPattern"]).replace(json.dumps({"Ref": "Delegation"}), '"univ"')
    assert '"univ"' in pattern
    logs.create_log_group(logGroupName=name)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    events.put_rule(Name=name, EventPattern=pattern, EventBusName=aws.outputs["EventBusName"])
    events.put_targets(
        Rule=name,
        EventBusName=aws.outputs["EventBusName"],
        Targets=[{"Id": "log", "Arn": group["arn"].removesuffix(":*")}],
    )

    announcer = EventBridgeAnnouncer(events, aws.outputs["EventBusName"])
    announcer.announce_renewal(an_order(delegation=delegation), a_stored(stores=stores), None)

    assert bool(logs.filter_log_events(logGroupName=name)["events"]) is is_started


def test_ansible_accepts_the_playbook() -> None:
    """Its syntax check knows the modules and `ansible-doc` their options: a misspelt one fails on the server only."""
    try:
        debian = Unpacked.once(ROOT / "build" / "ansible", ("ansible-core",))
    except NotInstallable as reason:
        pytest.skip(str(reason))

    def run(program: str, *arguments: str | Path) -> str:
        command = ["/usr/bin/python3", debian.root / "usr" / "bin" / program, *arguments]
        done = subprocess.run(command, env=debian.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("ansible-playbook", "--syntax-check", RECIPES / "playbook.yaml")
    (play,) = yaml.safe_load((RECIPES / "playbook.yaml").read_text())
    tasks = [next(item for item in task.items() if item[0].startswith("ansible.")) for task in play["tasks"]]
    documented = json.loads(run("ansible-doc", "--json", *(module for module, _ in tasks)))
    # The file's module has what the module `template` passes on to it.
    shared = json.loads(run("ansible-doc", "--json", "ansible.builtin.file"))["ansible.builtin.file"]["doc"]["options"]
    for module, options in tasks:
        assert set(options) <= {*documented[module]["doc"]["options"], *shared}, module


def test_systemd_accepts_the_units() -> None:
    """`systemd-analyze verify` finds misspelt settings, which systemd itself ignores."""
    units = ROOT / "tools" / "certmandate_fetch" / "systemd"
    try:
        done = subprocess.run(
            ["systemd-analyze", "verify", *sorted(units.iterdir())],  # noqa: S607
            capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("this system has no systemd-analyze")
    faults = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert not faults
