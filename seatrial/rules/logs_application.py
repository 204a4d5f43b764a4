"""Rules on what the application writes into its log, against what the pipeline makes of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import MAJOR, Found, rule
from seatrial.plan.files import Place
from seatrial.plan.log_fields import Flow, field_name, flows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.files import Source

_PLAIN = re.compile(r"^[^#\n]*logging\.(?:basicConfig|Formatter)\(", re.MULTILINE)
_SERVES = re.compile(
    r"^(?:app|main|server|log\w*|config|settings|asgi|wsgi)$|FastAPI\(|Flask\(|Starlette\(|uvicorn\.run", re.MULTILINE
)
_LEVELS = ("ERROR", "CRITICAL", "WARNING", "INFO", "DEBUG")
_JSON = re.compile(
    r"json.{0,20}format|jsonlogger|structlog|JSONRenderer|serialize\s*=\s*True|ecs_logging|logstash|json\.dumps|dictConfig|fileConfig|log_config",
    re.IGNORECASE,
)


def _code(plan: Plan) -> list[Source]:
    """The application's own Python files."""
    return [
        source
        for path, source in plan.sources.items()
        if path.suffix == ".py" and not {"tests", "test"} & set(path.parts) and not path.name.startswith("test_")
    ]


@rule("logs-application-plain", MAJOR, over=flows_of)
def application_plain(flow: Flow, plan: Plan) -> Iterator[Found]:
    """The pipeline takes its fields from JSON, and the application writes plain text."""
    parses = [plugin for plugin in flow.of("filter", "json") if field_name(plugin.text("source")) == "message"]
    greedy = [plugin for plugin in flow.of("filter", "grok", "dissect") if "level" in str(plugin.settings).lower()]
    code = _code(plan)
    configured = any("--log-config" in source.text for source in plan.sources.values())
    if not parses or greedy or configured or any(_JSON.search(source.text) for source in code):
        return
    for source in code:
        if (match := _PLAIN.search(source.text)) and _SERVES.search(f"{source.path.stem}\n{source.text}"):
            place = Place(source.path, source.text.count("\n", 0, match.start()) + 1)
            where = parses[0].place
            yield (
                place,
                f"logs plain text, and {where.file}:{where.line} takes its fields out of JSON: they are never there",
            )
            return


@rule("logs-level-lower-case", MAJOR, over=flows_of)
def level_lower_case(flow: Flow, plan: Plan) -> Iterator[Found]:
    """Conditions on lower-case levels, where the application writes Python's upper-case names."""
    code = _code(plan)
    upper = any("levelname" in source.text for source in code)
    lowered = any(re.search(r"\.lower\(\)|structlog|loguru", source.text) for source in code)
    changed = any(
        "level" in map(field_name, [*plugin.texts("lowercase"), *plugin.texts("uppercase")])
        for plugin in flow.of("filter", "mutate")
    )
    for condition in flow.conditions if upper and not lowered and not changed else ():
        for field, texts in condition.told:
            wrong = [text for text in texts if text.upper() in _LEVELS and text.islower()]
            if field == "level" and wrong and len(wrong) == len(texts):
                written = ", ".join(map(str.upper, wrong))
                said = f"asks for the level {' or '.join(wrong)}, and the application writes {written}"
                yield condition.place, f"{said}: it never holds"
