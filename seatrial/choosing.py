"""Which specs run: one for each scenario, and one for each rule and object of the deployment's files."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.errors import SeatrialError

PLAN = pytest.StashKey[tuple[int, float]]()  # how many scenarios run, and how many seconds that takes
START_S = 8.0  # about what bringing the deployment up and down takes
_NONE_CHOSEN = object()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A spec that asks for `scenario` and `seatrial_session` runs once for each scenario, under its name."""
    if "static_case" in metafunc.fixturenames:
        from seatrial.findings.cases import generate as generate_static

        generate_static(metafunc)
    if not {"scenario", "seatrial_session"} <= set(metafunc.fixturenames):
        return
    from seatrial.catalogue import catalogue, find_scenario
    from seatrial.scenario import load_scenario

    config = metafunc.config
    asked, base = config.getoption("--scenario"), config.invocation_params.dir
    try:
        paths = [find_scenario(name, base) for name in asked] or list(catalogue().values())
        scenarios = [load_scenario(path) for path in paths]
    except SeatrialError as error:
        raise pytest.UsageError(str(error)) from None
    broken = metafunc.definition.get_closest_marker("load") is None
    chosen = [scenario for scenario in scenarios if bool(scenario.faults) == broken]
    metafunc.parametrize("scenario", chosen, ids=[scenario.name for scenario in chosen])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A spec for which no scenario was chosen is no test, not a skipped one."""
    items[:] = [item for item in items if _scenario(item) is not _NONE_CHOSEN]


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is left after `-k` and `-m` will take so long."""
    chosen = [scenario for scenario in map(_scenario, session.items) if hasattr(scenario, "estimate_s")]
    estimates = [scenario.estimate_s for scenario in _without_skipped(chosen, session.config)]
    session.config.stash[PLAN] = (len(estimates), START_S + sum(estimates))


def _without_skipped(scenarios: list[Any], config: pytest.Config) -> list[Any]:
    """Those that the deployment has the components for; all, if its settings cannot be read (which is said later)."""
    if not scenarios:
        return []
    from seatrial.settings_file import settings_for

    try:
        settings = settings_for(config.invocation_params.dir, config.getoption("--settings"))
    except SeatrialError:
        return scenarios
    return [scenario for scenario in scenarios if not scenario.unknown_components(settings)]


def _scenario(item: pytest.Item) -> object:
    """The scenario of a spec, None if it is about something else, or the mark of a spec without one."""
    if not {"scenario", "seatrial_session"} <= set(getattr(item, "fixturenames", ())):
        return None
    scenario = item.callspec.params.get("scenario")  # type: ignore[attr-defined] # parametrized above
    return scenario if hasattr(scenario, "estimate_s") else _NONE_CHOSEN
