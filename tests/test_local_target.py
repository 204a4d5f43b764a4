"""The local target with real processes: up, down, every capability with its proof, and undo from another process."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from seatrial.errors import InputError, MissingCapability, TargetError
from seatrial.masking import Masker
from seatrial.roles import CanExhaustConnections, CanFillDisk, CanKill, CanPause, CanShapeLinks, CanStop, LinkShape
from seatrial.roles import UndoStep as Step
from seatrial.settings_file import load_settings
from seatrial.targets import open_target, reattach

ROOT = str(Path(__file__).resolve().parents[1])
SERVE = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = (os.environ.get("DATABASE_URL", "") + " " + os.environ.get("CACHE_URL", "")).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
# A launcher whose real server is no child of it and hides its marks: what is killed is not what serves.
SHADOW = """
import os, subprocess, sys, time
if os.fork() == 0:
    subprocess.Popen([sys.executable, "serve.py", sys.argv[1]], env={}, start_new_session=True)
    os._exit(0)
os.wait()
time.sleep(1000)
"""
# A program that leaves a process behind when it is told to end, without marks and in a session of its own.
LEAVER = """
trap 'env -i setsid setsid sleep 4711 & exit 0' TERM
while :; do sleep 0.05; done
"""
SETTINGS = """
name = "trial"
[components]
database = { kind = "postgresql" }
cache = { kind = "redis" }
app = { kind = "application" }
shadow = { kind = "application" }
worker = { kind = "other" }
[targets.local.database]
[targets.local.cache]
[targets.local.app]
command = ["{python}", "serve.py", "{port}"]
env = { DATABASE_URL = "{database.url}", CACHE_URL = "{cache.url}", ODD = '''it's "50%"; $HOME''' }
ready = "/health"
depends_on = ["database", "cache"]
[targets.local.shadow]
command = ["{python}", "shadow.py", "{port}"]
[targets.local.worker]
command = ["sleep", "1000"]
restart = false
"""


def write_settings(folder, text=SETTINGS):
    """A folder with settings and the programs that they name."""
    folder.mkdir(exist_ok=True)
    (folder / "serve.py").write_text(SERVE)
    (folder / "shadow.py").write_text(SHADOW)
    (folder / "seatrial.toml").write_text(text)
    return load_settings(folder / "seatrial.toml")


def of_folder(folder):
    """Processes that have anything to do with the folder, found without the target's own code."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            where = f"{process.environ().get('SEATRIAL_DEPLOYMENT')} {process.cwd()} {process.cmdline()}"
            if str(folder) in where and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                found.append(process)
    return found


def short_folder():
    """A folder under the system's folder for temporary files: pytest's own are closed to other users."""
    return Path(tempfile.mkdtemp(prefix="st-"))


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """One deployment for the whole file."""
    settings = write_settings(tmp_path_factory.mktemp("deployment"))
    target = open_target("local", settings, short_folder(), Masker())
    target.up()
    yield target
    hidden = psutil.Process(listener(target, "shadow"))
    target.down()
    target.down()
    assert not target.folder.exists(), "down() leaves no folder"
    assert of_folder(target.folder) == [], "down() leaves no process"
    # Its new parent may be slow to take note of its end.
    assert not hidden.is_running() or hidden.status() == psutil.STATUS_ZOMBIE, "not even one that hid its marks"


@pytest.fixture
def target(deployed):
    """The deployment, which every test has to leave as it was."""
    yield deployed
    assert deployed.residue() == ()


def listener(target, name):
    port = int(target.resolve(f"{{{name}.port}}"))
    return next(item.pid for item in psutil.net_connections("tcp") if item.laddr.port == port
                and item.status == psutil.CONN_LISTEN)  # fmt: skip


def heal(target, operation, **arguments):
    """Undo, twice: it is idempotent."""
    target.undo(Step(operation, arguments))
    target.undo(Step(operation, arguments))


def ask(target, name="app"):
    with urllib.request.urlopen(target.resolve(f"{{{name}.url}}") + "/health", timeout=5) as answer:
        return answer.read().decode()


def query(target):
    with psycopg.connect(target.resolve("{database.url}"), connect_timeout=5) as connection:
        return connection.execute("SELECT current_setting('fsync'), current_setting('server_encoding')").fetchone()


def cache(target, **options):
    return redis.Redis.from_url(target.resolve("{cache.url}"), **options)


def test_it_offers_what_it_can_prove(target):
    """The capabilities of the local target; a full disk is not one of them."""
    for capability in (CanKill, CanStop, CanPause, CanShapeLinks, CanExhaustConnections):
        assert isinstance(target, capability)
    assert not isinstance(target, CanFillDisk)
    assert target.components == ("database", "cache", "app", "shadow", "worker")


def test_the_servers_are_real_and_answer_to_their_generated_passwords_only(target):
    """PostgreSQL with fsync and Redis with its append-only file serve whoever has the password, and nobody else."""
    assert query(target) == ("on", "UTF8")
    assert cache(target).config_get("appendonly") == {"appendonly": "yes"}
    database, store = target.resolve("{database.url}"), target.resolve("{cache.url}")
    for secret in target.secrets:
        database, store = database.replace(secret, "wrong"), store.replace(secret, "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(database)
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(store).ping()


def test_secrets_stand_in_no_argument_list_and_in_no_file_that_others_can_read(target):
    """Generated passwords: not in `ps`, and only in files of mode 0600."""
    lists = [" ".join(process.cmdline()) for process in of_folder(target.folder)]
    assert len(lists) > 5
    assert not [line for line in lists if any(secret in line for secret in target.secrets)]
    for path in target.folder.rglob("*"):
        if path.is_file() and path.stat().st_mode & 0o044 and path.stat().st_size < 1_000_000:
            assert not any(secret.encode() in path.read_bytes() for secret in target.secrets), path


def test_components_reach_each_other_through_links_and_clients_reach_them_directly(target):
    """The URL inside the application has another port than the one outside, and both work."""
    inside = ask(target).split()
    assert inside[0] != target.resolve("{database.url}")
    assert inside[1] != target.resolve("{cache.url}")
    with psycopg.connect(inside[0]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert redis.Redis.from_url(inside[1]).ping()
    app = psutil.Process(listener(target, "app"))
    assert app.environ()["ODD"] == """it's "50%"; $HOME"""


@pytest.mark.parametrize("name", ["database", "cache", "app"])
def test_a_kill_is_seen_and_the_supervisor_brings_the_component_back(target, name):
    """All its processes are gone, a client's open connection ended, and new processes serve without help."""
    time.sleep(max(0.0, 1.2 - (time.time() - psutil.Process(listener(target, name)).create_time())))
    before = listener(target, name)
    effect = target.kill(name)
    assert effect.seen, effect
    assert str(before) in effect.evidence[0]
    assert "gone" in effect.evidence[0]
    assert 0 <= effect.seen_s - effect.struck_s < 3
    assert not psutil.pid_exists(before) or psutil.Process(before).status() == psutil.STATUS_ZOMBIE
    heal(target, "start", component=name)
    assert listener(target, name) != before


def test_a_kill_of_what_does_not_serve_is_not_seen(target):
    """The launcher dies, the server behind it goes on answering: the blow left no trace for clients."""
    serving = listener(target, "shadow")
    effect = target.kill("shadow")
    assert not effect.seen, effect
    assert "stayed open" in effect.evidence[1]
    assert listener(target, "shadow") == serving
    heal(target, "start", component="shadow")


def test_a_component_that_is_not_restarted_stays_down_until_started(target):
    """With restart = false nobody brings it back; the audit says so, and undo does it."""
    time.sleep(1.1)
    effect = target.kill("worker")
    assert effect.seen, effect
    assert "no port" in effect.evidence[1]
    time.sleep(0.3)
    assert "worker does not run" in target.residue()[0]
    again = target.kill("worker")
    assert not again.seen
    assert again.evidence == ("worker had no process to strike",)
    heal(target, "start", component="worker")


def test_a_stopped_component_stays_down(target):
    """Stopped and not restarted: new connections are refused until undo."""
    effect = target.stop("cache")
    assert effect.seen, effect
    time.sleep(0.3)
    with pytest.raises(redis.ConnectionError):
        cache(target).ping()
    assert "cache does not run: STOPPED" in target.residue()[0]
    heal(target, "start", component="cache")
    assert cache(target).ping()


def test_a_stop_of_what_does_not_serve_is_not_seen(target):
    """The supervisor says stopped, the clients say otherwise: they are believed."""
    effect = target.stop("shadow")
    assert not effect.seen, effect
    psutil.Process(listener(target, "shadow")).kill()
    heal(target, "start", component="shadow")


@pytest.mark.parametrize("name", ["database", "cache", "app"])
def test_a_paused_component_is_silent_and_resumes(target, name):
    """Every process in state T, and no answer; after undo the same processes answer."""
    before = listener(target, name)
    effect = target.pause(name)
    assert effect.seen, effect
    assert "in state T" in effect.evidence[0]
    assert "no answer within" in effect.evidence[1]
    assert any(line.startswith(f"{name} is frozen") for line in target.residue())
    heal(target, "resume", component=name)
    assert listener(target, name) == before


def test_a_pause_of_what_does_not_serve_is_not_seen(target):
    """The launcher is frozen and the server behind it answers."""
    effect = target.pause("shadow")
    assert not effect.seen, effect
    assert "answered all the same" in effect.evidence[1]
    heal(target, "resume", component="shadow")


@pytest.mark.parametrize("name", ["database", "cache"])
def test_a_slow_link_is_measured_through_it(target, name):
    """A round trip through the link takes twice the latency longer; beside it nothing changes."""
    effect = target.shape_link("app", name, LinkShape(latency_s=0.05, jitter_s=0.01))
    assert effect.seen, effect
    assert f"link app->{name} is shaped: 50 ms in each direction, jitter 10 ms" in target.residue()
    heal(target, "clear_link", source="app", destination=name)


def test_a_link_can_be_cut_both_ways(target):
    """A blackhole gives no answer while the component itself answers; resets are resets."""
    effect = target.shape_link("app", "cache", LinkShape(blackhole=True))
    assert effect.seen, effect
    assert "no answer" in effect.evidence[1]
    assert "answered beside it" in effect.evidence[1]
    effect = target.shape_link("app", "database", LinkShape(reset_rate=1.0))
    assert effect.seen, effect
    assert "reset" in effect.evidence[1]
    heal(target, "clear_link", source="app", destination="cache")
    heal(target, "clear_link", source="app", destination="database")


def test_a_shape_without_effect_is_not_seen(target):
    """A delay that cannot be measured, and a link whose end does not answer anyway, prove nothing."""
    assert not target.shape_link("app", "cache", LinkShape()).seen
    target.stop("cache")
    effect = target.shape_link("app", "cache", LinkShape(blackhole=True))
    assert not effect.seen, effect
    assert "before the blow" in effect.evidence[1]
    heal(target, "clear_link", source="app", destination="cache")
    heal(target, "start", component="cache")


def test_a_link_that_is_not_there_is_named(target):
    """Only components that refer to each other have a link."""
    with pytest.raises(MissingCapability, match="no link from cache to app: neither command nor env"):
        target.shape_link("cache", "app", LinkShape(latency_s=0.1))


@pytest.mark.parametrize(
    ("operation", "arguments", "error"),
    [
        ("clear_link", {"source": "cache", "destination": "app"}, MissingCapability),
        ("clear_link", {"source": "app", "destination": "cash"}, InputError),
        ("release_connections", {"component": "app"}, MissingCapability),
        ("release_connections", {"component": "cash"}, InputError),
        ("start", {"component": "cash"}, InputError),
        ("resume", {"component": "cash"}, InputError),
    ],
)
def test_what_cannot_be_there_is_refused_before_and_is_nothing_to_undo(target, operation, arguments, error):
    """No such link, slots or component: said before anything is written; a journal that names it is emptied."""
    with pytest.raises(error):
        target.require(Step(operation, arguments))
    heal(target, operation, **arguments)


def test_what_can_be_done_is_not_refused(target):
    """The same operations where there is such a thing; one that nobody knows is refused, before and after."""
    for operation, arguments in (("clear_link", {"source": "app", "destination": "cache"}),
                                 ("release_connections", {"component": "cache"}),
                                 ("start", {"component": "worker"}), ("resume", {"component": "app"})):  # fmt: skip
        target.require(Step(operation, arguments))
    for refuse in (target.require, target.undo):
        with pytest.raises(InputError, match="an undo operation"):
            refuse(Step("free_disk", {"component": "database"}))


def test_an_audit_that_cannot_be_made_is_said(target, tmp_path):
    """The supervisor does not answer: TargetError, no sentence that could be taken for an old one."""
    silent = reattach({"kind": "local", "folder": str(tmp_path)})
    shutil.copy(target.folder / "deployment.json", tmp_path)
    with pytest.raises(TargetError, match="does not answer"):
        silent.residue()


def test_a_link_proxy_that_dies_comes_back_clean(target):
    """The supervisor restarts it, without the shape that it had."""
    target.shape_link("app", "cache", LinkShape(blackhole=True))
    proxy = next(process for process in of_folder(target.folder) if "seatrial.targets.local.link" in process.cmdline())
    time.sleep(max(0.0, 1.2 - (time.time() - proxy.create_time())))
    proxy.kill()
    heal(target, "clear_link", source="app", destination="cache")
    assert redis.Redis.from_url(ask(target).split()[1]).ping()


@pytest.mark.parametrize("name", ["database", "cache"])
def test_every_connection_slot_is_taken_and_given_back(target, name):
    """An ordinary new connection is refused for lack of a slot, also right after one became free; undo frees them."""
    kept = psycopg.connect(target.resolve("{database.url}"))
    effect = target.exhaust_connections(name, 60)
    assert effect.seen, effect
    assert ("53300" if name == "database" else "max number of clients") in effect.evidence[1]
    kept.close()
    time.sleep(0.3)
    with pytest.raises((psycopg.OperationalError, redis.ConnectionError), match=r"too many clients|max number"):
        query(target) if name == "database" else cache(target).ping()
    assert f"holds the connections of {name}" in target.residue()[0]
    heal(target, "release_connections", component=name)
    query(target)
    assert cache(target).ping()


def test_taken_slots_are_given_back_by_themselves(target):
    """After expires_s the helper ends, whatever has become of the runner."""
    assert target.exhaust_connections("cache", 1.0).seen
    time.sleep(1.0)
    deadline = time.monotonic() + 3
    while target.residue() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert cache(target).ping()
    heal(target, "release_connections", component="cache")


def test_slots_of_what_has_none_cannot_be_taken(target):
    """Only PostgreSQL and Redis have slots that are known."""
    with pytest.raises(MissingCapability, match="app is of kind application"):
        target.exhaust_connections("app", 5)


RUNNER = """
import sys, time
from pathlib import Path
from seatrial.masking import Masker
from seatrial.roles import LinkShape
from seatrial.settings_file import load_settings
from seatrial.targets import open_target
target = open_target("local", load_settings(Path(sys.argv[1])), Path(sys.argv[2]), Masker())
target.up()
if len(sys.argv) > 3:
    target.exhaust_connections("cache", 60)
    target.shape_link("app", "cache", LinkShape(blackhole=True))
    target.pause("app")
    target.stop("worker")
print("done", flush=True)
time.sleep(100)
"""
SMALL = SETTINGS.replace("[targets.local.database]\n", "").replace('DATABASE_URL = "{database.url}", ', "").replace(
    '["database", "cache"]', '["cache"]')  # fmt: skip


def run_and_kill(settings, folder, *arguments, after_s=None):
    """Run a runner of its own and SIGKILL it when it is done, or after so long."""
    command = [sys.executable, "-c", RUNNER, str(settings.file), str(folder), *arguments]
    runner = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT)
    if after_s is None:
        assert runner.stdout.readline() == b"done\n"
    else:
        time.sleep(after_s)
    runner.kill()
    runner.communicate()


def test_another_process_heals_and_removes_what_a_killed_runner_left(tmp_path):
    """With the identity alone: resume, clear, release and start, then down, and nothing is left."""
    settings, folder = write_settings(tmp_path / "own", SMALL), short_folder()
    run_and_kill(settings, folder, "break")
    deployment = reattach({"kind": "local", "folder": str(folder)})
    try:
        left = " ".join(deployment.residue())
        assert "app is frozen" in left
        assert "app->cache is shaped" in left
        assert "worker does not run" in left
        for operation, arguments in (("start", {"component": "worker"}), ("resume", {"component": "app"}),
                                     ("clear_link", {"source": "app", "destination": "cache"}),
                                     ("release_connections", {"component": "cache"})):  # fmt: skip
            heal(deployment, operation, **arguments)
        assert deployment.residue() == ()
        assert not [process for process in of_folder(folder) if "seatrial.targets.local.exhaust" in process.cmdline()]
    finally:
        deployment.down()
    heal(deployment, "start", component="app")
    assert deployment.residue() == ()
    assert not folder.exists()
    assert of_folder(folder) == []


@pytest.mark.parametrize("after_s", [0.4, 0.7, 1.0, 1.4, 2.0])
def test_a_runner_killed_while_it_starts_leaves_nothing_that_down_does_not_find(tmp_path, after_s):
    """SIGKILL at any moment of up(), then down() with the folder alone."""
    settings, folder = write_settings(tmp_path / "own"), short_folder()
    run_and_kill(settings, folder, after_s=after_s)
    reattach({"kind": "local", "folder": str(folder)}).down()
    assert of_folder(folder) == []
    assert not folder.exists()


def up_fails(tmp_path, text, error):
    """The message with which up() fails; nothing may be left."""
    settings, folder = write_settings(tmp_path / "own", 'name = "trial"\n' + text), short_folder()
    target = open_target("local", settings, folder, Masker())
    try:
        with pytest.raises(error) as caught:
            target.up()
    finally:
        left = of_folder(folder)
        target.down()
    assert not folder.exists()
    assert left == []
    return str(caught.value)


APP = '[components]\napp = { kind = "application" }\n[targets.local.app]\n'


def test_what_a_component_starts_while_it_is_stopped_is_ended_too(tmp_path):
    """A handler of SIGTERM that leaves a process without marks, in a session of its own."""
    text = f'name = "trial"\n{APP}command = ["sh", "leaver.sh"]\n'
    settings, folder = write_settings(tmp_path / "own", text), short_folder()
    (tmp_path / "own" / "leaver.sh").write_text(LEAVER)
    target = open_target("local", settings, folder, Masker())
    target.up()
    target.down()
    assert not [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == ["sleep", "4711"]]


def test_a_program_that_does_not_start_shows_its_last_lines_masked(tmp_path):
    """The error carries what the program said, without the password in it."""
    script = "import sys; print('connecting to redis://:hunter22@host/0'); sys.exit('no such table')"
    message = up_fails(tmp_path, APP + f'command = ["{{python}}", "-c", {json.dumps(script)}, "{{port}}"]', TargetError)
    assert message.startswith("app did not start: it ended")
    said = message.partition("its last lines: ")[2].split(" | ")
    assert set(said) == {"connecting to redis://:***@host/0", "no such table"}


def test_a_program_that_never_gets_ready_is_given_up_after_its_time(tmp_path):
    """The message says what was seen instead of readiness."""
    command = 'command = ["sleep", "1000"]\nready = "/health"\nstart_timeout_s = 0.5'
    message = up_fails(tmp_path, APP + command, TargetError)
    assert "it was not ready within 0.5 s: http://127.0.0.1:" in message
    assert "does not answer" in message


def test_a_port_that_is_taken_is_named_with_its_holder(tmp_path):
    """Port and process."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = APP + f'command = ["{{python}}", "serve.py", "{{port}}"]\nport = {port}'
        message = up_fails(tmp_path, text, TargetError)
    assert f"app: port {port} is taken by" in message
    assert f"(pid {os.getpid()})" in message


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ('command = ["no-such-program"]', "found no-such-program, which is not there"),
        ('command = ["sleep", "{cache.url}"]', "found {cache.url}"),
        ('command = ["sleep", "9"]\ndepends_on = ["app"]', "expected depends_on without a cycle, found app -> app"),
        ('command = ["sleep", "9"]\nready = "health"', "ready as a path, an http URL, or nothing, found health"),
        ('command = ["sleep", "9"]\ncwd = "nowhere"', "expected a folder as cwd of [targets.local.app]"),
    ],
)
def test_settings_that_cannot_be_run_are_refused(tmp_path, lines, expected):
    """One line that names the file, before anything is started."""
    message = up_fails(tmp_path, APP + lines, InputError)
    assert expected in message
    assert "seatrial.toml" in message


def test_a_folder_that_is_not_ours_is_left_alone():
    """Neither up() nor down() touches a folder with something in it that Seatrial did not put there."""
    folder = short_folder()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(TargetError, match="not a folder that Seatrial made"):
        reattach({"kind": "local", "folder": str(folder)}).down()
    assert (folder / "thesis.txt").read_text() == "years of work"
    shutil.rmtree(folder)


def test_targets_that_are_not_there_are_refused():
    """An unknown kind says which there are."""
    with pytest.raises(InputError, match=r"a target that can be used \(local\), found compose"):
        reattach({"kind": "compose"})
