"""Rules about the packages of an image's language: libraries that they need, releases, the language's own release."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.findings.registry import CRITICAL, MINOR, Found, rule
from seatrial.plan.datastores import tag
from seatrial.plan.files import Place
from seatrial.plan.image_contents import contents_of
from seatrial.plan.image_programs import public_name
from seatrial.plan.python_needs import lacking
from seatrial.plan.python_packages import package_lists, requirements
from seatrial.rules.image_base import dockerfiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.dockerfile import Dockerfile

# A package that is only a wrapper, the library that it loads, and the system's packages that bring it.
_WRAPPERS = (
    (
        re.compile(r"psycopg2(?![\w-])|psycopg(?:\[(?![^\]]*binary)[^\]]*\])?(?![\w\[-])", re.I),
        "libpq",
        re.compile(r"libpq|postgresql"),
    ),
    (
        re.compile(r"mysqlclient(?![\w-])", re.I),
        "libmariadb",
        re.compile(r"libmariadb|libmysql|default-libmysql|mariadb"),
    ),
)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?")


@rule("image-library-missing", CRITICAL, over=dockerfiles)
def library_missing(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """A package that needs a library of the system which the final image does not have."""
    contents = contents_of(dockerfile, plan)
    slim = public_name(contents.base) == "python" and ("slim" in tag(contents.base) or "alpine" in tag(contents.base))
    if not slim or not contents.told:
        return
    names = [each.name for each in contents.packages]
    copied = " ".join(each.rest for stage in contents.stages for each in stage.of("COPY", "ADD"))
    lines = [line for source in package_lists(dockerfile, plan) for _, line in requirements(source)]
    for package, library, brings in _WRAPPERS:
        line = next((line for line in lines if package.match(line)), "")
        binary = any(re.match(r"psycopg(?:2-binary|\[[^\]]*binary|-binary)", each, re.IGNORECASE) for each in lines)
        if line and not (binary and library == "libpq") and library not in copied and not any(map(brings.match, names)):
            said = f"installs {_bare(line)}, which loads {library}, and its last stage does not have that"
            yield dockerfile.final.place, f"{said}: the application ends at its first import"


@rule("image-package-missing", CRITICAL, over=dockerfiles)
def package_missing(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """A package that the code needs when it starts, and that no list brings."""
    for place, what, package, lists in lacking(dockerfile, plan):
        yield place, f"{what}, and {lists} does not bring {package}: the application ends at its start"


def _bare(line: str) -> str:
    match = _NAME.match(line)
    return match[0] if match else line


@rule("image-packages-unpinned", MINOR, over=dockerfiles)
def packages_unpinned(dockerfile: Dockerfile, plan: Plan) -> Iterator[Found]:
    """Packages of which every build takes the newest release."""
    for source in package_lists(dockerfile, plan):
        lines = requirements(source)
        if any(line.startswith(("-c", "--constraint")) for _, line in lines):
            continue
        loose = [
            (number, line) for number, line in lines if _NAME.fullmatch(re.split(r">=?", line, maxsplit=1)[0].strip())
        ]
        loose = [(number, line) for number, line in loose if "<" not in line and "=" not in line.replace(">=", "")]
        if loose:
            names = ", ".join(_bare(line) for _, line in loose[:6]) + (" and others" if len(loose) > 6 else "")
            said = f"every build takes the newest {names}"
            yield Place(source.path, loose[0][0]), f"{said}: what was tested is not what is built next"
