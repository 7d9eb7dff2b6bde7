"""`certmandate local`: the whole system on this machine, without an account or network."""

from __future__ import annotations

import json
import shlex
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from certmandate.deployment import OUTPUTS_VARIABLE, Deployment
from certmandate.execution import exit_code
from certmandate.exit import INTERRUPTED, WRONG_USAGE
from certmandate.files.yaml_document import FilesInvalid
from certmandate.options import JsonOption, split
from certmandate.progress import ProgressReader
from certmandate.views import printing
from certmandate.views.printing import print_error, printer
from certmandate.views.run_page import print_page

if TYPE_CHECKING:
    from local.aws import LocalAws
    from local.run import Finished, LocalSystem
    from local.summary import Costs

PAGE = "status.html"
CAMPUS = Path(__file__).resolve().parents[3] / "examples" / "campus"

app = typer.Typer(
    help="Run the whole system on this machine.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)

EstateOption = Annotated[
    Path,
    typer.Option(
        "--estate", help="Folder with delegations/*.yaml, scm.yaml and, optionally, aws.yaml and servers.yaml."
    ),
]
WaitFactorOption = Annotated[
    float, typer.Option("--wait-factor", min=0.001, max=1.0, help="Factor for every wait of the state machine.")
]


@app.command("run")
def run_command(
    estate: EstateOption = CAMPUS,
    delegation: Annotated[list[str] | None, typer.Option(help="Only this delegation; may be repeated.")] = None,
    certificate: Annotated[
        list[str] | None, typer.Option(help="Only this delegation/certificate; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide and log in; order nothing.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why; it is stored in the audit rows.")] = None,
    input: Annotated[  # noqa: A002 - its name on AWS
        str | None, typer.Option(help="The input of the execution as JSON, instead of the options above.")
    ] = None,
    wait_factor: WaitFactorOption = 0.01,
    keep_waits: Annotated[bool, typer.Option("--keep-waits", help="Wait as long as on AWS.")] = False,
    output: Annotated[Path, typer.Option(help="Folder for report, history and certificates.")] = Path("build/run"),
    as_json: JsonOption = False,
) -> None:
    """Run the daily renewal once.

    One execution of the shipped state machine on an example estate, from the plan to the report.
    """
    given = {
        "delegations": delegation,
        "certificates": certificate,
        "dry_run": dry_run,
        "reason": reason,
    }
    for path in certificate or ():
        split(path)
    request = _request({name: value for name, value in given.items() if value}, input)
    _require_own(output)
    console = printer(to_stderr=as_json)
    started = time.monotonic()
    with _interruptible(), _system(console, estate, 1.0 if keep_waits else wait_factor) as system:
        finished = _execute(console, system, request)
        _write(system, finished, output)
    if as_json:
        printing.print_json(_document(finished, output))
    else:
        _print(console, finished, output, time.monotonic() - started)
    raise typer.Exit(exit_code(finished.status, finished.error, finished.report))


@app.command("up")
def up_command(
    estate: EstateOption = CAMPUS,
    wait_factor: WaitFactorOption = 0.01,
    aws_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of AWS on 127.0.0.1; 0: any free port.")] = 0,
    scm_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of SCM on 127.0.0.1; 0: any free port.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Run AWS and SCM on this machine until Ctrl-C.

    Prints the environment variables with which `certmandate` and the AWS CLI find them.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with _system(printer(to_stderr=True), estate, wait_factor, aws_port=aws_port, scm_port=scm_port) as system:
        if as_json:
            printing.print_json(_facts(system))
        else:
            typer.echo(_lines(system))
        stopped.wait()


# ---- Options ---------------------------------------------------------------------------------------------------------


def _request(options: Mapping[str, Any], text: str | None) -> Any:
    """Return the execution's input, from the options or from --input; the state machine validates it."""
    if text is None:
        return dict(options)
    if options:
        msg = f"pass either it or {', '.join(options)}"
        raise typer.BadParameter(msg, param_hint="--input")
    try:
        return json.loads(text)
    except ValueError as error:
        msg = f"is not JSON: {error}"
        raise typer.BadParameter(msg, param_hint="--input") from None


def _require_own(output: Path) -> None:
    """Raise BadParameter unless *output* is writable and is new, empty or the folder of an earlier run."""
    if output.exists() and not (output.is_dir() and (not any(output.iterdir()) or (output / "history.json").exists())):
        msg = f"{output} exists and is not the folder of an earlier run"
        raise typer.BadParameter(msg, param_hint="--output")
    place = next(folder for folder in (output, *output.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        msg = f"{output} cannot be written: {error.strerror}"
        raise typer.BadParameter(msg, param_hint="--output") from None


# ---- Running ---------------------------------------------------------------------------------------------------------


@contextmanager
def _interruptible() -> Iterator[None]:
    """Stop everything on Ctrl-C and on SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        print_error("stopped; no process is left running")
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def _system(
    console: Console, folder: Path, wait_factor: float, *, aws_port: int = 0, scm_port: int = 0
) -> Iterator[LocalSystem]:
    from local.estate import load_estate
    from local.run import LocalSystem

    started = time.monotonic()
    try:
        estate = load_estate(folder, datetime.now(UTC))
    except FilesInvalid as invalid:
        print_error(f"{invalid}\nNothing was started.")
        raise typer.Exit(WRONG_USAGE) from None
    console.print(f"Starting AWS and SCM on this machine, for the estate {folder} …", soft_wrap=True)
    try:
        system = LocalSystem(estate, wait_factor=wait_factor, aws_port=aws_port, scm_port=scm_port)
    except OSError as error:
        print_error(f"the servers cannot start: {error.strerror or error}; is a port in use?")
        raise typer.Exit(WRONG_USAGE) from None
    with system:
        console.print(
            f"Ready after {time.monotonic() - started:.1f} s: "
            f"{printing.counted(len(estate.specifications), 'delegation')}, "
            f"{printing.counted(len(estate.certificates), 'certificate')}. {_waits(wait_factor)}\n",
            soft_wrap=True,
        )
        yield system


def _waits(factor: float) -> str:
    if factor == 1.0:
        return "Waits are as long as on AWS."
    return f"Waits of the state machine are multiplied by {factor:g}."


def _execute(console: Console, system: LocalSystem, request: Any) -> Finished:
    progress = ProgressReader()

    def watch(history: Mapping[str, Any]) -> None:
        for change in progress.changes(history):
            console.print(Text(str(change)), soft_wrap=True)

    return system.execute(request, watch)


def _write(system: LocalSystem, finished: Finished, output: Path) -> None:
    from local.artifacts import write_artifacts

    try:
        write_artifacts(system, finished, output)
        _write_page(system, output)
    except OSError as error:
        print_error(f"{error.filename or output} cannot be written: {error.strerror}")
        raise typer.Exit(WRONG_USAGE) from None


@dataclass(frozen=True, slots=True)
class _LocalSession:
    """What a Deployment needs of a boto3 session."""

    aws: LocalAws

    def client(self, service: str, region_name: str, config: object) -> Any:  # noqa: ARG002 - boto3's signature
        """Return the operator's client."""
        return self.aws.client(service, region_name)


def _write_page(system: LocalSystem, output: Path) -> None:
    """Write the page of `certmandate status --html`, for its owner only as the files beside it."""
    from certmandate.commands.status import page_of, read_estate
    from local.artifacts import PRIVATE_FILE

    deployment = Deployment(_LocalSession(system.aws), system.facts())
    path = output / PAGE
    path.touch(mode=PRIVATE_FILE)
    path.write_text(page_of(deployment, read_estate(deployment, datetime.now(UTC))), encoding="utf-8")


# ---- Printing --------------------------------------------------------------------------------------------------------


def _print(console: Console, finished: Finished, output: Path, seconds: float) -> None:
    console.print()
    if finished.report is None:
        text = f"{finished.error}: {finished.cause}\nThe run ended before its report, so there is no report.json."
        console.print(Text(text, style="bold red"), soft_wrap=True)
        lines: tuple[str, ...] = (f"The history is in {output}/",)
    else:
        print_page(console, finished.report)
        took = f"{seconds:.1f} s in total, {finished.seconds:.1f} s for the run"
        lines = (*_figures(finished.costs), took, f"Report, history and certificates are in {output}/", *_mails(output))
    lines = (*lines, f"The state of the estate as a page: {output / PAGE}")
    for line in lines:
        console.print(Text(line, style="dim"), soft_wrap=True)


def _mails(output: Path) -> Iterator[str]:
    if number := len(list((output / "mails").glob("*.eml"))):
        yield f"{printing.counted(number, 'mail')} to RAOs, kept and not sent, in {output / 'mails'}/"


def _figures(costs: Costs) -> Iterator[str]:
    scm, aws = sum(costs.scm.values()), sum(costs.aws.values())
    average = round(costs.aws_per_certificate)
    each = f" (about {average} by enroll and collect for each certificate)" if average else ""
    yield f"Calls to SCM: {scm}; to AWS: {aws}{each}"
    if renewal := costs.immediate:
        operations = ", ".join(operation.split("/v1/")[-1] for operation in renewal.operations)
        calls = f"{len(renewal.operations)} calls to SCM that name its order ({operations})"
        calls += "; the search that proves SCM's filter names none"
        yield f"Renewal of {renewal.path}, issued immediately: {calls}"


def _document(finished: Finished, output: Path) -> dict[str, Any]:
    immediate = finished.costs.immediate
    return {
        "run_id": finished.run_id,
        "status": finished.status,
        "error": finished.error,
        "cause": finished.cause,
        "seconds": round(finished.seconds, 2),
        "output": str(output),
        "scm_calls": dict(finished.costs.scm),
        "aws_calls": dict(finished.costs.aws),
        "one_renewal_issued_at_once": list(immediate.operations) if immediate else None,
        "report": finished.report.document() if finished.report else None,
    }


def _facts(system: LocalSystem) -> dict[str, Any]:
    return {
        "exports": _exports(system),
        "state_machine_arn": system.aws.outputs["StateMachineArn"],
        "scm_base_url": system.scm.base_url,
        "scm_ca_file": str(system.scm.ca_file),
        "scm_roots_file": str(system.scm.roots_file),
    }


def _exports(system: LocalSystem) -> dict[str, str]:
    """Return the environment variables with which the AWS CLI, boto3 and `certmandate` find this AWS and SCM only."""
    return {
        **system.aws.exports(),
        OUTPUTS_VARIABLE: json.dumps(system.facts()),
        "SSL_CERT_FILE": str(system.scm.ca_file),
    }


def _lines(system: LocalSystem) -> str:
    exports = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in _exports(system).items())
    arn = system.aws.outputs["StateMachineArn"]
    return f"""\
{exports}
# SSL_CERT_FILE trusts only this SCM: other HTTPS fails in this shell. Use a separate shell, or unset it.
# SCM: {system.scm.base_url}
# Roots: {system.scm.roots_file} (of the certificates that it issues; `roots` of certmandate-fetch)
# State machine: {arn}
# Start a run:   aws stepfunctions start-execution --name first --state-machine-arn {arn} --input '{{}}'
# Ctrl-C stops both."""
