"""The pytest plugin: options, fixtures, what becomes of errors. Nothing heavy is imported until a test asks for it."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import choosing
from seatrial.choosing import PLAN, START_S
from seatrial.errors import InputError, Interrupted, MissingCapability, SeatrialError, TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import FrameType

    from seatrial.progress import Terminal
    from seatrial.roles import Target
    from seatrial.session import Result, Session
    from seatrial.settings import Settings
    from seatrial.specs import SpecTrial

PASSED = pytest.StashKey[bool]()  # of a test's call
RESULTS: pytest.StashKey[list[Result]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of Seatrial."""
    group = parser.getgroup("seatrial", "Seatrial: prove a deployment")
    group.addoption("--target", default="local", help="where the deployment runs: local (default)")
    group.addoption("--settings", type=Path, help="seatrial.toml (default: the one in this folder, else the reference)")
    group.addoption("--reports", type=Path, default=Path("reports"), help="where runs and reports go (reports)")
    group.addoption("--scenario", action="append", default=[], help="run only this scenario: a name, or a file's path")
    group.addoption(
        "--attach", type=Path, help="use the local deployment of this folder (see seatrial up), leave it up"
    )
    group.addoption("--require-all", action="store_true", help="a skip is a failure: everything has to run")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    config.addinivalue_line("markers", "chaos: breaks the deployment on purpose and judges what its clients saw")
    config.addinivalue_line("markers", "load: loads the deployment and judges what its clients saw")
    config.addinivalue_line("markers", "static: looks at the deployment's files by a rule, nothing running")
    config.addinivalue_line("markers", "trial(disaster, before_s, after_s, wait_s, slo, objectives): how `trial` runs")
    config.stash[RESULTS] = []
    if config.pluginmanager.hasplugin("html"):
        from seatrial.index import Index

        config.pluginmanager.register(Index(config, config.stash[RESULTS]), "seatrial-index")
    config.stash[PLAN] = (0, START_S)
    config.pluginmanager.register(choosing, "seatrial-choosing")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    """As in the call: the fixture `trial` begins a trial here."""
    with _said_in_one_line():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """What Seatrial raises on purpose is told in one line; a spec that forgets its verdict is held to it."""
    with _said_in_one_line(), _held_to_its_verdict(_spec_of(item)):
        return (yield)


def _spec_of(item: pytest.Item) -> SpecTrial | None:
    """What the fixture `trial` gave a test, if it is ours."""
    found = getattr(item, "funcargs", {}).get("trial")
    return found if hasattr(found, "require_verdict") else None


@contextmanager
def _held_to_its_verdict(spec: SpecTrial | None) -> Iterator[None]:
    """`spec` is None for a test that is about something else."""
    try:
        yield
    except KeyboardInterrupt:
        if spec is not None:
            spec.interrupted("Ctrl-C")
        raise
    if spec is not None:
        spec.require_verdict()


@contextmanager
def _said_in_one_line() -> Iterator[None]:
    """A missing prerequisite skips the test, a mistake in it fails it; a lost deployment ends the session."""
    try:
        yield
    except MissingCapability as missing:
        raise pytest.skip.Exception(str(missing)) from None
    except Interrupted:
        raise KeyboardInterrupt from None
    except TargetError as error:
        raise pytest.exit.Exception(str(error), returncode=2) from None
    except SeatrialError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With --require-all a skip is a failure that keeps its reason."""
    report = yield
    if report.when == "call":
        item.stash[PASSED] = report.passed
    if report.skipped and item.config.getoption("--require-all") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"--require-all: {reason}"
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:  # noqa: ANN401 - pytest's is private
    """Each run's verdict and report, for those who use pytest itself."""
    results = config.stash[RESULTS]
    if results:
        terminalreporter.section("seatrial: the verdicts of the runs")
    for result in results:
        report = os.path.relpath(result.folder / "report.html", config.invocation_params.dir)
        terminalreporter.write_line(f"{result.verdict.outcome.value:12}  {result.scenario}  {report}")


@pytest.fixture(scope="session")
def seatrial_settings(request: pytest.FixtureRequest) -> Settings:
    """The settings of the deployment under trial: `--settings`, the seatrial.toml of this folder or one above.

    Without any, the suites that came with Seatrial try the reference deployment; a team's own specs never do.
    """
    from seatrial.bundled import bundled
    from seatrial.settings_file import nearest_settings, settings_for

    own = [item for item in request.session.items if not item.path.is_relative_to(bundled("suites"))]
    folder, explicit = request.config.invocation_params.dir, request.config.getoption("--settings")
    with _usage_errors():
        if own and explicit is None and nearest_settings(folder) is None:
            raise InputError("a seatrial.toml in this folder or one above, or --settings FILE", "none", folder)
        return settings_for(folder, explicit)


@pytest.fixture(scope="session")
def seatrial_session(request: pytest.FixtureRequest, seatrial_settings: Settings) -> Iterator[Session]:
    """The session: the target is up, `run(scenario)` runs one and judges it; all is taken back at its end."""
    from seatrial.session import Options, Session

    config = request.config
    reports = config.invocation_params.dir / config.getoption("--reports")
    options = Options(config.getoption("--target"), reports.resolve(), config.getoption("--attach"))
    session = Session(seatrial_settings, options, progress_for(config))
    session.results = config.stash[RESULTS]
    with _sigterm_as_ctrl_c(), _usage_errors(), session:
        yield session


@pytest.fixture(scope="session")
def static_rest(seatrial_settings: Settings) -> list[str]:
    """What tools and schemas find that is grave in the deployment's files, and what cannot be read."""
    from seatrial.findings.cases import rest_of

    with _usage_errors():
        return rest_of(seatrial_settings.root / seatrial_settings.files, seatrial_settings.known_findings)


@pytest.fixture
def target(seatrial_session: Session) -> Target:
    """The deployment under trial, up: `target.components`, `target.resolve("{app.url}")`."""
    return seatrial_session.target


@pytest.fixture
def trial(request: pytest.FixtureRequest, seatrial_session: Session) -> Iterator[SpecTrial]:
    """Probe, load and ledger running beside this test: `with trial.fault(...)`, `trial.verdict()`."""
    from seatrial.specs import open_spec

    marker = request.node.get_closest_marker("trial")
    promise = " ".join((request.function.__doc__ or request.node.name).split())
    options = dict(marker.kwargs) if marker else {}
    with open_spec(seatrial_session, request.node.name, request.path, promise, options) as opened:
        yield opened
        if request.node.stash.get(PASSED, False):  # one that was asked for in another way than by its name
            opened.require_verdict()


def progress_for(config: pytest.Config) -> Terminal:
    """Progress on the real standard error, past pytest's capture."""
    from seatrial.progress import Plan, Terminal

    capture = config.pluginmanager.getplugin("capturemanager")

    def write(text: str) -> None:
        with capture.global_and_fixture_disabled():
            sys.stderr.write(text)
            sys.stderr.flush()

    live = sys.__stderr__ is not None and sys.__stderr__.isatty()
    return Terminal(write, live=live, plan=Plan(*config.stash[PLAN]))


@contextmanager
def _usage_errors() -> Iterator[None]:
    """What a user can mend ends the session with one line and exit status 2."""
    try:
        yield
    except (MissingCapability, Interrupted):
        raise
    except SeatrialError as error:
        pytest.exit(str(error), returncode=2)


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does; by itself pytest would run no teardown (pytest#5243)."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous: Callable[[int, FrameType | None], Any] | int | None = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
