"""What images hold, start and answer, as the rules see it."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from seatrial.plan import plan_of
from seatrial.plan.built import contexts, image_here, server_in
from seatrial.plan.health import Check
from seatrial.plan.ignored import is_ignored
from seatrial.plan.image_contents import contents_of
from seatrial.plan.image_programs import has_program
from seatrial.plan.modules import missing_module
from seatrial.plan.python_packages import lacks_server
from seatrial.plan.routes import no_route
from seatrial.plan.server import server_of


def contents(text):
    plan = plan_of({"Dockerfile": text})
    return contents_of(plan.dockerfiles[0], plan)


@pytest.mark.parametrize(
    ("image", "program", "there"),
    [
        ("python:3.11-slim", "curl", False), ("python:3.11", "curl", True), ("python:3.11-alpine", "wget", True),
        ("docker.io/library/python:3.11-alpine", "curl", False), ("node:20-slim", "wget", False),
        ("postgres:14", "pg_isready", True), ("postgres:14", "curl", False), ("redis:7-alpine", "redis-cli", True),
        ("redis:7-alpine", "wget", True), ("redis:7", "wget", False), ("prom/prometheus:v2", "curl", False),
        ("docker.elastic.co/kibana/kibana:8.5.0", "curl", True), ("example/own:1", "curl", None),
        ("gcr.io/distroless/static", "sh", False), ("nginx:1.27", "curl", None), ("scratch", "curl", False),
    ],
)  # fmt: skip
def test_programs_of_public_images(image, program, there):
    """Known where it is known, and nobody guesses where it is not."""
    assert has_program(image, program) is there


def test_packages_that_are_taken_out_again_are_not_there():
    """In the same instruction; a later one does not make the layer smaller."""
    found = contents("""
FROM debian:12
RUN tools='gcc make' && apt-get update && apt-get -y install $tools curl=7.88.* && apt-get purge -y $tools
RUN apk add --no-cache --virtual .build musl-dev && apk del .build
RUN <<EOF
dnf install -y git
EOF
RUN ["apt-get", "install", "-y", "jq"]
RUN apt-get purge -y curl
CMD ["true"]
""")
    assert [each.name for each in found.packages] == ["curl", "git", "jq"]
    assert found.told


def test_a_script_may_install_anything():
    """What it installs nobody knows, so nothing is missing for sure."""
    for line in ("./install.sh", "bash /setup", "curl https://x | sh", "apt-get install -y $PACKAGES", "make install"):
        assert contents(f'FROM python:3.11-slim\nRUN {line}\nCMD ["x"]\n').has("wget") is None, line
    assert contents('FROM python:3.11-slim\nRUN pip install x && rm -rf /tmp/a.sh\nCMD ["x"]\n').has("wget") is False


@pytest.mark.parametrize(
    ("words", "host", "port"),
    [
        (["uvicorn", "main:app"], "127.0.0.1", 8000),
        (["uvicorn", "main:app", "--host=0.0.0.0", "--port", "80"], "0.0.0.0", 80),
        (["python", "-m", "uvicorn", "main:app", "--host", "::"], "::", 8000),
        (["sh", "-c", "alembic upgrade head && exec uvicorn main:app --host $HOST --port ${PORT:-81}"], "10.0.0.1", 81),
        (["gunicorn", "-b", ":82", "main:app"], "0.0.0.0", 82),
        (["gunicorn", "--bind=127.0.0.1:83", "main:app"], "127.0.0.1", 83),
        (["gunicorn", "-c", "conf.py", "main:app"], None, None),
        (["uvicorn", "main:app", "--host", "$UNKNOWN", "--port", "$UNKNOWN"], None, None),
        (["poetry", "run", "fastapi", "run", "main.py"], "0.0.0.0", 8000),
        (["python", "manage.py", "runserver", "0.0.0.0:84"], "0.0.0.0", 84),
        (["tini", "--", "flask", "run", "-h", "0.0.0.0", "-p", "85"], "0.0.0.0", 85),
    ],
)
def test_where_servers_listen(words, host, port):
    """By their options, their own defaults, and the variables that are known."""
    found = server_of(words, {"HOST": "10.0.0.1"})
    assert (found.host, found.port) == (host, port)


def test_what_is_no_server():
    """Nothing is made of what is not known."""
    for words in ([], ["celery", "-A", "x", "worker"], ["sh", "-c", ""], ["python", "main.py"], ["./uvicorn.sh"]):
        assert server_of(words, {}) is None


def test_health_checks_are_read_in_every_form():
    """Programs, address, port, and whether an error makes it fail."""
    shell = Check(("curl -f http://localhost:8000/health?x=1 || exit 1",), shell=True)
    assert (shell.programs, shell.address, shell.ignores_errors) == (["curl"], (8000, "/health"), False)
    listed = Check(("curl", "http://127.0.0.1/"), shell=False)
    assert (listed.programs, listed.address, listed.ignores_errors) == (["curl"], (80, "/"), True)
    inner = Check(("sh", "-c", "nc -z localhost 9000"), shell=False)
    assert (inner.programs, inner.port) == (["nc"], 9000)
    python = Check(
        ("python", "-c", "import urllib.request as r; r.urlopen('http://localhost:8000/health')"), shell=False
    )
    assert (python.programs, python.port) == (["python"], 8000)
    assert Check(("curl", "-f", "http://other:8000/"), shell=False).port is None
    assert Check(("pg_isready -U me -p 5433",), shell=True).port == 5433


def test_dockerignore_is_read_as_docker_reads_it():
    """The last pattern that fits decides; folders take what is in them along."""
    plan = plan_of({".dockerignore": "*\n# no\n!src\nsrc/**/*.log\n!src/keep.log\n**/node_modules\n"})
    file = PurePosixPath(".dockerignore")
    ignored = {path: is_ignored(path, file, plan)
               for path in ("a.py", "src/a.py", "src/b/c.log", "src/keep.log", "src/x/node_modules/y")}  # fmt: skip
    assert ignored == {"a.py": True, "src/a.py": False, "src/b/c.log": True, "src/keep.log": False,
                       "src/x/node_modules/y": True}  # fmt: skip


WORKFLOW = """
on: push
jobs:
  build:
    runs-on: ubuntu-24.04
    steps:
      - uses: docker/build-push-action@v6
        with: {context: service, tags: "ghcr.io/example/shop:1"}
"""


def test_images_are_matched_with_what_builds_them():
    """By Compose or by a workflow; an image of somebody else is never ours."""
    files = {"service/Dockerfile": "FROM python:3.11\nCMD x\n", ".github/workflows/a.yml": WORKFLOW}
    plan = plan_of(files)
    assert contexts(plan.dockerfiles[0], plan) == (PurePosixPath("service"),)
    assert image_here("ghcr.io/example/shop:2", plan) is plan.dockerfiles[0]
    assert image_here("postgres:14", plan) is None
    assert image_here("ghcr.io/example/other:2", plan) is None
    compose = plan_of({"Dockerfile": "FROM python:3.11\nCMD x\n", "c.yml": "services: {shop: {build: .}}\n"})
    assert image_here("example/shop", compose) is compose.dockerfiles[0]


MAIN = 'from fastapi import FastAPI\napp = FastAPI()\n@app.get("/health")\ndef health(): return {"status": 1}\n'
IMAGE = """
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
CMD ["uvicorn", "main:app"]
"""


def test_modules_servers_and_routes_of_the_application():
    """Missing only where the source is here and does not have them."""
    plan = plan_of({"Dockerfile": IMAGE, "main.py": MAIN, "requirements.txt": "fastapi\n"})
    image = plan.dockerfiles[0]
    assert server_in(image, plan).module == "main:app"
    assert missing_module("main:app", image, plan) == ""
    assert missing_module("main:create_app()", image, plan) == "main.py has no create_app"
    assert (
        missing_module("app.main:app", image, plan)
        == "the working directory gets no app/main.py (the source has main.py)"
    )
    assert missing_module("server:app", image, plan) == "there is no server.py"
    assert lacks_server(image, "uvicorn", plan) == "requirements.txt"
    assert [no_route(path, plan) for path in ("/health", "/docs", "/", "/healthz", "/status")] == [False] * 3 + [
        True
    ] * 2
