"""What the application's code needs of packages, against the lists that its image installs: by a careful table only."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from seatrial.plan.code import dotted, started
from seatrial.plan.files import Place
from seatrial.plan.installs import names_in
from seatrial.plan.python_packages import install_arguments, package_lists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.plan import Plan
    from seatrial.plan.code import Module
    from seatrial.plan.dockerfile import Dockerfile

# Module: the packages that bring it, by themselves or because they need it.
_BROUGHT_BY = {
    "asyncpg": r"asyncpg.*|databases|gino|tortoise-orm|edgedb|procrastinate|pgvector.*",
    "psycopg2": r"psycopg2(?:-binary)?|aiopg|django-tenants|.*redshift.*",
    "psycopg": r"psycopg(?:-.*)?|procrastinate|langgraph.*",
    "redis": r".*redis.*|celery|rq|arq|fastapi-limiter|limits|slowapi|kombu|huey|dramatiq|aiocache|channels.*|walrus",
    "aioredis": r"aioredis|fastapi-limiter|fastapi-cache.*",
    "sqlalchemy": r"sqlalchemy.*|sqlmodel|alembic|.*sqlalchemy|databases|fastapi-(?:users|filter|crud"
    r"|pagination|amis).*|sqladmin"
    r"|mlflow|prefect|apache-.*|dagster.*|langchain.*|optuna|jupyter.*|gino|ormar|pandas-.*"
    r"|datasets|great-expectations|agno|fastcrud",
    "alembic": r"alembic|flask-migrate|mlflow|prefect|optuna|dagster.*|apache-.*",
    "jose": r"python-jose",
    "passlib": r"passlib|fastapi-(?:users|login).*|flask-security.*|pypiserver",
    "pythonjsonlogger": r"python-json-logger|jupyter.*|dbt-.*|ddtrace.*|azure-.*|notebook|.*events.*",
    "structlog": r"structlog.*|.*-structlog|django-structlog|dagster.*",
    "loguru": r"loguru.*|.*loguru|nonebot.*|litestar.*",
    "celery": r"celery.*|.*-celery.*|flower",
    "aiofiles": r"aiofiles|fastapi-mail|nicegui|gradio|chainlit|sanic.*|quart",
    "yfinance": r"yfinance|pandas-ta|openbb.*|quantstats|.*yfinance.*",
    "apscheduler": r"apscheduler|.*apscheduler.*|flask-.*scheduler",
    "motor": r"motor|beanie|odmantic|umongo",
    "textblob": r"textblob.*|spacytextblob",
    "vaderSentiment": r"vadersentiment",
    "prometheus_client": r"prometheus-.*|starlette-(?:exporter|prometheus)|.*prometheus.*|locust.*|ray.*"
    r"|jupyter.*|notebook|dask.*|distributed|vllm.*|bentoml|litellm|flower|apache-.*|prefect|kserve|triton.*"
    r"|sglang|feast",
    "prometheus_fastapi_instrumentator": r"prometheus-fastapi-instrumentator|vllm.*|.*instrumentator.*",
    "pydantic_settings": r"pydantic-settings|fastapi|mcp.*|langchain.*|fastmcp|litestar.*|prefect"
    r"|.*settings.*|chainlit|dynaconf",
    "slowapi": r"slowapi",
    "sse_starlette": r"sse-starlette|mcp.*|fastmcp|.*langserve.*|a2a-.*",
}
_MULTIPART = re.compile(
    r"python-multipart|fastapi-(?:users|mail|amis|admin).*|starlette-admin|sqladmin|gradio|chainlit|mcp.*"
    r"|fastmcp|nicegui"
    r"|litellm|bentoml|mlflow|prefect|litestar.*|langserve|.*multipart.*|nonebot.*|unstructured.*|open-webui"
    r"|lightrag.*|zenml|reflex|robyn|esmerald|xinference"
)
_FULL = re.compile(r"(?:fastapi|starlette)\[[^\]]*(?:all|standard|full)[^\]]*\]", re.IGNORECASE)
_FORMS = ("UploadFile", "File", "Form", "OAuth2PasswordRequestForm")


def installed(dockerfile: Dockerfile, plan: Plan) -> tuple[set[str], str, str] | None:
    """The packages that an image installs, all its words, and the lists' names; None where not all is told."""
    arguments, lists = install_arguments(dockerfile), package_lists(dockerfile, plan)
    if arguments is None or not lists:
        return None
    found = names_in(lists, arguments, plan)
    words = " ".join([*arguments, *(source.text for source in lists)])
    return None if found is None else (found, words, ", ".join(str(source.path) for source in lists))


def lacking(dockerfile: Dockerfile, plan: Plan) -> Iterator[tuple[Place, str, str, str]]:
    """What the code that the image starts needs and no list brings: where, what, the package, the lists."""
    there = installed(dockerfile, plan)
    if there is None:
        return
    names, words, lists = there
    told: set[str] = set()
    for module in started(dockerfile, plan):
        for imported, line in module.top_imports():
            root = imported.partition(".")[0]
            pattern = _BROUGHT_BY.get(root)
            own = any(path.stem == root or root in path.parts for path in plan.sources if path.suffix == ".py")
            if pattern and root not in told and not own and not any(re.fullmatch(pattern, name) for name in names):
                told.add(root)
                yield Place(module.path, line), f"imports {root}", root, lists
        form = _form(module)
        if form and "multipart" not in told and not _FULL.search(words) and not any(map(_MULTIPART.fullmatch, names)):
            told.add("multipart")
            yield Place(module.path, form[1]), f"takes a form ({form[0]})", "python-multipart", lists


def _form(module: Module) -> tuple[str, int] | None:
    """A function that takes a form or a file of FastAPI, with its line."""
    imported = {
        alias.asname or alias.name
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fastapi")
        for alias in node.names
        if alias.name in _FORMS
    }
    for node in ast.walk(module.tree) if imported else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_route(node):
            used = [dotted(each) for each in ast.walk(node.args) if isinstance(each, ast.Name)]
            name = next((each for each in used if each in imported), "")
            if name:
                return name, node.lineno
    return None


def _is_route(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    calls = [each.func for each in function.decorator_list if isinstance(each, ast.Call)]
    return any(isinstance(each, ast.Attribute) and each.attr in ("post", "put", "patch", "api_route") for each in calls)
