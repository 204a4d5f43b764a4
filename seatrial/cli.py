"""The command line: a thin face over pytest and the library. `seatrial --help` imports nothing heavy."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import __version__
from seatrial.errors import InputError, SeatrialError
from seatrial.findings.command import add_check, add_explain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EPILOG = """exit status: 0 all promises kept, 1 a promise broken or inconclusive, 2 wrong use or unreadable input
everything is plain pytest underneath: pytest suites/chaos -k kill-database --target local"""

RUN = "a run's folder: reports/runs/..."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except SeatrialError as error:
        return _wrong(error)
    except BrokenPipeError:  # the reader of a pipe has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _wrong(InputError("a path that can be used", error.strerror or str(error), error.filename))
    except UnicodeError as error:
        return _wrong(error)
    except KeyboardInterrupt:
        from seatrial.undo import what_is_left

        print(f"seatrial: interrupted{what_is_left()}", file=sys.stderr)  # noqa: T201 - this is the command line
        return 1


def _wrong(error: Exception) -> int:
    """One line for a mistake, without any secret that a URL in it may hold."""
    from seatrial.masking import Masker

    print(f"seatrial: {Masker().text(' '.join(str(error).split()))}", file=sys.stderr)  # noqa: T201 - the command line
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seatrial",
        description="Prove a deployment before its users depend on it: load it, break it, judge with evidence.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"seatrial {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_trials(commands)
    add_check(commands)
    add_explain(commands)
    _add_readers(commands)
    _add_helpers(commands)
    return parser


def _add_trials(commands: Any) -> None:  # noqa: ANN401 - argparse keeps this type private
    verify = commands.add_parser("verify", help="the main job: files, load, all scenarios, one report")
    verify.set_defaults(command=_verify, scenario=[])
    run = commands.add_parser("run", help="run scenarios, by name or by the path of a file")
    names = "a name (see `seatrial scenarios`) or the path of a scenario file"
    run.add_argument("scenario", nargs="+", metavar="SCENARIO", help=names)
    run.set_defaults(command=_verify)
    for command in (verify, run):
        command.add_argument("--target", default="local", help="where the deployment runs (local)")
        _add_settings(command)
        command.add_argument("--reports", type=Path, default=Path("reports"), metavar="DIR", help="default: ./reports")
        command.add_argument(
            "--attach", type=Path, metavar="DIR", help="use the deployment that `seatrial up` keeps there"
        )
        command.add_argument("--require-all", action="store_true", help="what cannot run here is a failure, not a skip")
        _add_format(command)


def _add_readers(commands: Any) -> None:  # noqa: ANN401 - argparse keeps this type private
    probe = commands.add_parser("probe", help="sample a URL in an open loop; print its outages as intervals")
    probe.add_argument("url", metavar="URL")
    probe.add_argument(
        "--rate",
        type=float,
        default=50.0,
        metavar="HZ",
        help="samples a second, on new and on kept connections each (50)",
    )
    probe.add_argument("--duration", type=float, default=10.0, metavar="S", help="seconds (10); Ctrl-C ends it earlier")
    probe.add_argument("--timeout", type=float, default=2.0, metavar="S", help="of one request, in seconds (2)")
    probe.set_defaults(command=_probe)
    judge = commands.add_parser("judge", help="judge a saved run again, without its target")
    judge.add_argument("run", type=Path, metavar="RUN", help=RUN)
    judge.set_defaults(command=_judge)
    for command in (probe, judge):
        _add_format(command)
    report = commands.add_parser("report", help="render saved runs again, as one self-contained page")
    report.add_argument("runs", type=Path, nargs="+", metavar="RUN", help=RUN)
    report.add_argument("--output", type=Path, default=Path("report.html"), metavar="FILE", help="default: report.html")
    report.set_defaults(command=_report)


def _add_helpers(commands: Any) -> None:  # noqa: ANN401 - argparse keeps this type private
    helpers = {
        "scenarios": (_scenarios, "the scenarios: what each needs and proves"),
        "doctor": (_doctor, "what works on this machine, and what gives the rest"),
        "recover": (_recover, "heal what a killed run left"),
        "init": (_init, "write a commented seatrial.toml into this folder"),
        "up": (_up, "bring the local deployment up and keep it until Ctrl-C"),
    }
    for name, (command, text) in helpers.items():
        helper = commands.add_parser(name, help=text, description=text)
        helper.set_defaults(command=command)
        if name in ("up", "doctor"):
            _add_settings(helper)
        if name == "init":
            reference = "copy the reference deployment, the whole plan done right, into this new folder instead"
            helper.add_argument("--reference", type=Path, metavar="DIR", help=reference)


def _add_settings(command: argparse.ArgumentParser) -> None:
    text = "default: ./seatrial.toml, else that of the reference deployment"
    command.add_argument("--settings", type=Path, metavar="FILE", help=text)


def _add_format(command: argparse.ArgumentParser) -> None:
    command.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is the command line


def _verify(options: argparse.Namespace) -> int:
    from seatrial.verify import verify

    return verify(options)


def _probe(options: argparse.Namespace) -> int:
    from seatrial.probe.tool import probe_url, render

    found = probe_url(options.url, options.rate, options.duration, options.timeout)
    _say(json.dumps(found) if options.format == "json" else render(found))
    return 1 if found["failed"] else 0


def _judge(options: argparse.Namespace) -> int:
    from seatrial.checks import judge
    from seatrial.conclude import run_document
    from seatrial.report.summary import table
    from seatrial.timeline import dumps, load_timeline

    verdict = judge(load_timeline(options.run))
    _say(dumps(run_document(options.run, verdict)) if options.format == "json" else table(verdict.promises))
    return 0 if verdict.passed else 1


def _report(options: argparse.Namespace) -> int:
    from seatrial.checks import judge
    from seatrial.folders import require_own
    from seatrial.report.html import write_report
    from seatrial.timeline import load_timeline

    require_own(options.output, 'content="seatrial"')
    timelines = [load_timeline(run) for run in options.runs]
    try:
        write_report([(timeline, judge(timeline)) for timeline in timelines], options.output)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:  # edited by hand
        said = f"what cannot be drawn: {type(error).__name__}: {error}"
        raise InputError("runs as Seatrial wrote them", said, options.runs[0]) from None
    _say(f"report: {options.output}")
    return 0


def _scenarios(_options: argparse.Namespace) -> int:
    from seatrial.catalogue import describe

    _say(describe())
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from seatrial.doctor import examine, render

    findings = examine(options.settings)
    _say(render(findings))
    return 0 if all(finding.works or not finding.needed for finding in findings) else 1


def _recover(_options: argparse.Namespace) -> int:
    from seatrial.healing import heal_abandoned

    results = heal_abandoned()
    for result in results:
        arguments = " ".join(f"{key}={value}" for key, value in result.entry.step.arguments.items())
        _say(f"{result.entry.step.operation} {arguments}: {result.detail}")
    if not results:
        _say("nothing to heal: no killed run has left anything")
    return 0 if all(result.ok for result in results) else 1


def _init(options: argparse.Namespace) -> int:
    from seatrial.bundled import copy_reference, template

    if options.reference:
        count = copy_reference(options.reference)
        of = f"{count} files of the reference deployment to {options.reference}"
        _say(f"copied {of}: seatrial check finds nothing there")
        return 0
    path = Path("seatrial.toml")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        raise InputError("no seatrial.toml here yet", "one that would be overwritten", path) from None
    except OSError as error:
        raise InputError("a folder that can be written to", error.strerror or str(error), path) from None
    _say(f"wrote {path}: adapt it to your deployment, then run: seatrial verify")
    return 0


def _up(options: argparse.Namespace) -> int:
    from seatrial.standalone import keep_up

    return keep_up(_say, options.settings)


if __name__ == "__main__":
    sys.exit(main())
