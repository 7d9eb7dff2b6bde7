"""`certmandate local`: the whole system on this machine, without an account."""

from __future__ import annotations

import json
import shlex
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from certmandate.deployment import OUTPUTS_VARIABLE
from certmandate.exit import INTERRUPTED, NEEDS_ATTENTION, WRONG_USAGE
from certmandate.files.yaml_document import FilesInvalid
from certmandate.views.printing import print_error, printer
from certmandate.views.run_page import print_page

if TYPE_CHECKING:
    from local.run import Finished, LocalSystem
    from local.summary import Costs

CAMPUS = Path(__file__).resolve().parents[3] / "examples" / "campus"
_OUR_INPUT = frozenset({"InvalidRequest", "UnknownDelegation"})

app = typer.Typer(
    help="The whole system on this machine: no account, no network.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

EstateOption = Annotated[
    Path, typer.Option("--estate", help="Folder with delegations/*.yaml, scm.yaml and, if you like, aws.yaml.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document; progress goes to standard error.")]
WaitFactorOption = Annotated[
    float,
    typer.Option("--wait-factor", min=0.001, max=1.0, help="Multiplies every wait of the state machine."),
]


@app.command("run")
def run_command(
    estate: EstateOption = CAMPUS,
    delegation: Annotated[list[str] | None, typer.Option(help="Only this delegation; may be repeated.")] = None,
    certificate: Annotated[
        list[str] | None, typer.Option(help="Only this delegation/certificate; may be repeated.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Renew what is named whatever its age.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide and log in, order nothing.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why; it stands in the audit trail.")] = None,
    input: Annotated[  # noqa: A002 - it is called so on AWS
        str | None, typer.Option(help="The execution's whole input as JSON, instead of the options above.")
    ] = None,
    wait_factor: WaitFactorOption = 0.01,
    keep_waits: Annotated[bool, typer.Option("--keep-waits", help="Wait as long as on AWS.")] = False,
    output: Annotated[Path, typer.Option(help="Folder for report, history and certificates.")] = Path("build/run"),
    as_json: JsonOption = False,
) -> None:
    """Renew an estate: one execution of the shipped state machine, from the plan to the report."""
    given = {
        "delegations": delegation,
        "certificates": certificate,
        "force": force,
        "dry_run": dry_run,
        "reason": reason,
    }
    request = _request({name: value for name, value in given.items() if value}, input)
    _require_own(output)
    console = printer(to_stderr=as_json)
    started = time.monotonic()
    with _interruptible(), _system(console, estate, 1.0 if keep_waits else wait_factor) as system:
        finished = _execute(console, system, request)
        _write(system, finished, output)
    if as_json:
        typer.echo(json.dumps(_document(finished, output), ensure_ascii=False))
    else:
        _print(console, finished, output, time.monotonic() - started)
    raise typer.Exit(_exit_code(finished))


@app.command("up")
def up_command(
    estate: EstateOption = CAMPUS,
    wait_factor: WaitFactorOption = 0.01,
    aws_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of AWS on 127.0.0.1; 0: any.")] = 0,
    scm_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of SCM on 127.0.0.1; 0: any.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Keep AWS and SCM running on this machine with an estate in them, until stopped."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with _system(printer(to_stderr=True), estate, wait_factor, aws_port=aws_port, scm_port=scm_port) as system:
        typer.echo(json.dumps(_facts(system)) if as_json else _lines(system))
        stopped.wait()


# ---- What is asked for -----------------------------------------------------------------------------------------------


def _request(options: Mapping[str, Any], text: str | None) -> Any:
    """Return the execution's input, from the options or whole; whether it makes sense, the state machine says."""
    if text is None:
        return dict(options)
    if options:
        msg = f"give it instead of {', '.join(options)}, not with them"
        raise typer.BadParameter(msg, param_hint="--input")
    try:
        return json.loads(text)
    except ValueError as error:
        msg = f"is not JSON: {error}"
        raise typer.BadParameter(msg, param_hint="--input") from None


def _require_own(output: Path) -> None:
    """Only a folder that an earlier run wrote is emptied; one that cannot be written is told before the run."""
    if output.exists() and not (output.is_dir() and (not any(output.iterdir()) or (output / "history.json").exists())):
        msg = f"{output} exists and is not the folder of an earlier run"
        raise typer.BadParameter(msg, param_hint="--output")
    place = next(one for one in (output, *output.absolute().parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        msg = f"{output} cannot be written: {error.strerror}"
        raise typer.BadParameter(msg, param_hint="--output") from None


# ---- Running ---------------------------------------------------------------------------------------------------------


@contextmanager
def _interruptible() -> Iterator[None]:
    """End on Ctrl-C and on SIGTERM with everything stopped."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        print_error("stopped; nothing is left running")
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
            f"Ready after {time.monotonic() - started:.1f} s: {_counted(len(estate.specifications), 'delegation')}, "
            f"{_counted(len(estate.certificates), 'certificate')}. {_waits(wait_factor)}\n",
            soft_wrap=True,
        )
        yield system


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _waits(factor: float) -> str:
    if factor == 1.0:
        return "Waits are as long as on AWS."
    return f"Waits are shortened by the factor {factor:g}; nothing else of the state machine is changed."


def _execute(console: Console, system: LocalSystem, request: Any) -> Finished:
    from certmandate.progress import Progress

    progress = Progress()

    def watch(history: Mapping[str, Any]) -> None:
        for change in progress.changes(history):
            moment = change.moment.astimezone().strftime("%H:%M:%S.%f")[:-5]
            console.print(Text(f"{moment}  {change.path:<34}  {change.text}"), soft_wrap=True)

    return system.execute(request, watch)


def _write(system: LocalSystem, finished: Finished, output: Path) -> None:
    from local.products import write_products

    try:
        write_products(system, finished, output)
    except OSError as error:
        print_error(f"{error.filename or output} cannot be written: {error.strerror}")
        raise typer.Exit(WRONG_USAGE) from None


def _exit_code(finished: Finished) -> int:
    if finished.report is not None:
        return 0 if finished.status == "SUCCEEDED" and not finished.report.needs_attention else NEEDS_ATTENTION
    return WRONG_USAGE if finished.error in _OUR_INPUT else NEEDS_ATTENTION


# ---- Telling ---------------------------------------------------------------------------------------------------------


def _print(console: Console, finished: Finished, output: Path, seconds: float) -> None:
    console.print()
    if finished.report is None:
        text = f"{finished.error}: {finished.cause}\nThe run ended before it could report, so there is no report.json."
        console.print(Text(text, style="bold red"), soft_wrap=True)
        told: tuple[str, ...] = (f"History is in {output}/",)
    else:
        print_page(console, finished.report)
        took = f"{seconds:.1f} s in all, {finished.seconds:.1f} s of them the run"
        told = (*_figures(finished.costs), took, f"Report, history and certificates are in {output}/")
    for line in told:
        console.print(Text(line, style="dim"), soft_wrap=True)


def _figures(costs: Costs) -> Iterator[str]:
    scm, aws = sum(costs.scm.values()), sum(costs.aws.values())
    average = round(costs.aws_per_certificate)
    each = f" (about {average} a certificate worked on)" if average else ""
    yield f"Calls to SCM: {scm}; to AWS: {aws}{each}"
    if one := costs.immediate:
        operations = ", ".join(operation.split("/v1/")[-1] for operation in one.operations)
        yield f"One renewal issued at once, {one.path}: {len(one.operations)} calls to SCM ({operations})"


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
    }


def _exports(system: LocalSystem) -> dict[str, str]:
    """What the AWS CLI, boto3 and `certmandate` need to find this AWS and this SCM, and no other."""
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
# SSL_CERT_FILE trusts this SCM and nothing else: other HTTPS fails in this shell. Use one of its own, or unset it.
# SCM: {system.scm.base_url}
# State machine: {arn}
# Start a run:   aws stepfunctions start-execution --state-machine-arn {arn} --input '{{}}'
# Ctrl-C stops both."""
