"""The command line as a user meets it: status, one-line errors, nothing left behind, plain pytest underneath."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from fixtures.deployments import BROKEN, SEATRIAL, Workplace, notes_settings, story
from seatrial.bundled import bundled, reference_settings
from seatrial.undo import pending_of

DEADLINE_S = 60
HELP = """
import sys
from seatrial.cli import main
try:
    main(["--help"])
except SystemExit:
    print(sorted(sys.modules))
"""
SPECS = """
import pytest

@pytest.mark.trial(before_s=2, after_s=0)
def test_wrong(trial):
    with trial.fault("kill", component="cash"):
        pass

@pytest.mark.trial(befor_s=3)
def test_misspelt(trial):
    pass

@pytest.mark.trial(before_s=2, after_s=0, slo=[])
def test_right(trial):
    with trial.fault("kill", component="app"):
        assert trial.await_recovery()
    verdict = trial.verdict()
    assert verdict.passed, verdict.explain()
"""
FORGETFUL = """
import pytest

@pytest.mark.trial(before_s=2, after_s=0, slo=[])
def test_of_what_serves(trial):
    with trial.fault("kill", component="app"):
        trial.await_recovery()

@pytest.mark.trial(before_s=2, after_s=0, slo=[], wait_s=6, objectives={"rto_s": 0.001})
def test_of_what_is_slow(trial):
    with trial.fault("kill", component="app"):
        trial.await_recovery()

@pytest.mark.trial(before_s=2, after_s=0, slo=[])
def test_that_fails_in_its_middle(trial):
    with trial.fault("kill", component="app"):
        raise RuntimeError("a mistake of the team")
"""
LOCUSTFILE = """
from locust import HttpUser, constant, task

class Reader(HttpUser):
    wait_time = constant(0.05)

    @task
    def chart(self):
        self.client.get("/api/chart/X")
"""


def left_behind(workplace):
    """Processes that were started in this workplace and live, and journals that are not empty."""
    processes = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if environment.get("SEATRIAL_STATE") == str(workplace.folder / "state") and process.pid != os.getpid():
            processes.append(" ".join(process.cmdline()))
    journals = [path.name for path in (workplace.folder / "state").glob("undo-*") if pending_of(path)]
    return processes + journals


def wait_for(condition, what):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.05)


def events(workplace):
    found = sorted((workplace.folder / "reports" / "runs").glob("*/events.jsonl"))
    return found[-1].read_text() if found else ""


def mistake(workplace, *arguments):
    """The one line that a mistake gives; status 2, and nothing is left."""
    done = workplace.seatrial(*arguments)
    lines = [line for line in done.err.splitlines() if line.startswith("seatrial:")]
    assert done.status == 2, done.out + done.err
    assert len(lines) == 1, done.err
    assert "Traceback" not in done.err
    assert left_behind(workplace) == []
    return lines[0]


def test_a_wrong_key_is_one_line_with_its_line_number(workplace):
    """File, line, expected, found."""
    workplace.write("seatrial.toml", notes_settings().replace("[client]", "[client]\nhealht = '/health'"))
    assert re.search(
        r"seatrial\.toml:\d+: expected a key that Seatrial knows.*client\.healht", mistake(workplace, "verify")
    )


def test_settings_without_a_load_are_one_line(workplace):
    """Nothing can be judged of a deployment that nobody uses; said before anything is started."""
    workplace.write("seatrial.toml", re.sub(r"requests = .*", "", notes_settings()))
    workplace.write("story.yaml", story())
    assert "expected a [load] with requests or a locustfile" in mistake(workplace, "run", "story.yaml")


def test_an_unknown_scenario_is_one_line(workplace):
    """The names that there are come with it."""
    assert "kill-database" in mistake(workplace, "run", "kill-databse")


def test_an_unknown_component_is_one_line(workplace):
    """The notes deployment has no database."""
    workplace.write("seatrial.toml", notes_settings())
    assert "found database" in mistake(workplace, "run", "kill-database")


def test_a_misspelt_field_of_a_scenario_is_one_line(workplace):
    """With file and line of the user's own scenario."""
    workplace.write("seatrial.toml", notes_settings())
    workplace.write("story.yaml", story().replace("method:", "metod:"))
    assert re.search(r"story\.yaml:\d+: .*unknown field metod", mistake(workplace, "run", "story.yaml"))


def test_a_port_that_is_taken_is_one_line_that_names_it(workplace):
    """Who holds it stays untouched."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        workplace.write("seatrial.toml", notes_settings() + f"port = {port}\n")
        workplace.write("story.yaml", story())
        assert f"port {port} is taken" in mistake(workplace, "run", "story.yaml")


def test_a_program_that_does_not_start_shows_its_last_lines(workplace):
    """The reason stands in its own log."""
    settings = notes_settings().replace('"--port"', '"--no-such-option", "--port"')
    workplace.write("seatrial.toml", settings)
    workplace.write("story.yaml", story())
    assert "no-such-option" in mistake(workplace, "run", "story.yaml")


def test_an_unknown_target_is_one_line(workplace):
    """Compose and Kubernetes come in a later version, and it says what there is."""
    workplace.write("seatrial.toml", notes_settings())
    workplace.write("story.yaml", story())
    assert "local" in mistake(workplace, "run", "story.yaml", "--target", "moon")


def test_a_folder_that_is_no_run_is_one_line(workplace):
    """`seatrial judge` of something else."""
    assert "expected a run's folder" in mistake(workplace, "judge", ".")


def test_a_folder_for_reports_that_cannot_be_written_is_one_line(workplace):
    """Said before anything is started."""
    workplace.write("seatrial.toml", notes_settings())
    workplace.write("story.yaml", story())
    workplace.write("reports", "a file where a folder should be")
    assert "reports: expected a folder that can be written to" in mistake(workplace, "run", "story.yaml")


def test_a_run_that_an_error_stops_is_judged_all_the_same(workplace):
    """The load's program breaks: one line, and what was seen until then is INCONCLUSIVE, with a report."""
    settings = re.sub(r"requests = .*", 'locustfile = "load.py"', notes_settings())
    workplace.write("seatrial.toml", settings)
    workplace.write("load.py", "raise RuntimeError('a mistake of the team')\n")
    workplace.write("story.yaml", story())
    assert "Locust did not begin its load" in mistake(workplace, "run", "story.yaml")
    (folder,) = (workplace.folder / "reports" / "runs").iterdir()
    promises = json.loads((folder / "verdict.json").read_text())["promises"]
    assert promises[0]["reason"].startswith("the run was stopped before its end: TargetError")
    assert {promise["verdict"] for promise in promises} <= {"INCONCLUSIVE", "PASS"}
    assert (folder / "report.html").exists()


def test_a_defect_in_the_files_breaks_the_verification(workplace):
    """The runs pass, the files do not: status 1, with file and line."""
    workplace.write("seatrial.toml", notes_settings())
    workplace.write(
        "compose.yaml",
        "services:\n  a:\n    image: b:1.0.0\n    restart: always\n    mem_limit: 1g\n    cpus: 1\n    cpus: 2\n",
    )
    done = workplace.seatrial("verify", "--format", "json")
    assert done.status == 1, done.out + done.err
    broken = [promise for promise in done.document["promises"] if promise["verdict"] != "PASS"]
    assert [promise["scenario"] for promise in broken] == ["check"], done.out
    assert broken[0]["reason"].startswith("compose.yaml:7: major: ")


def test_a_disk_without_space_is_one_line(workplace):
    """A file system of 2 MB, in a mount namespace of its own: said before anything is started."""
    inside = ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*inside, "true"], check=False).returncode:
        pytest.skip("user namespaces are missing; they come with: sysctl kernel.unprivileged_userns_clone=1")
    workplace.write("seatrial.toml", notes_settings())
    workplace.write("story.yaml", story())
    (workplace.folder / "reports").mkdir()
    run = f"mount -t tmpfs -o size=2m tmpfs reports && {' '.join(SEATRIAL)} run story.yaml"
    done = subprocess.run([*inside, "sh", "-c", run], cwd=workplace.folder, env=workplace.environment,
                          capture_output=True, text=True, check=False, timeout=DEADLINE_S)  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert "expected 50 MB of free disk space, found 2 MB" in done.stderr
    assert left_behind(workplace) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_heals_and_leaves_nothing(workplace, number):
    """Ctrl-C and SIGTERM while the application is paused: status 1, no process and no pending step is left."""
    workplace.write("seatrial.toml", notes_settings())
    workplace.write("story.yaml", story("pause", hold_s=30))
    process = workplace.start("run", "story.yaml")
    wait_for(lambda: '"effect"' in events(workplace), "the fault")
    process.send_signal(number)
    out, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1, out
    assert '"interrupted"' in events(workplace)
    assert '"healed"' in events(workplace)
    assert "INCONCLUSIVE" in out
    assert "the run was stopped before its end" in out
    assert "interrupted; nothing is left behind" in out
    wait_for(lambda: left_behind(workplace) == [], "the end of everything")


def test_a_deployment_has_one_run_at_a_time_and_is_not_taken_down_beneath_it(workplace):
    """A second run, and Ctrl-C for `seatrial up`: refused in one line with status 2, while the first run goes on."""
    workplace.write("seatrial.toml", notes_settings())
    workplace.write("story.yaml", story("pause", hold_s=30))
    keeper = workplace.start("up")
    lines = iter(keeper.stdout.readline, "")
    folder = next(line for line in lines if "--attach" in line).split()[-1]
    run = workplace.start("run", "story.yaml", f"--attach={folder}")
    wait_for(lambda: '"effect"' in events(workplace), "the fault")
    second = workplace.seatrial("run", "story.yaml", f"--attach={folder}")
    refused = [line for line in second.err.splitlines() if line.startswith("seatrial:")]
    assert (second.status, len(refused)) == (2, 1), second.err
    assert f"in use by another seatrial (pid {run.pid})" in refused[0]
    keeper.send_signal(signal.SIGINT)
    said, _ = keeper.communicate(timeout=DEADLINE_S)
    assert keeper.returncode == 2, said
    assert f"in use by another seatrial (pid {run.pid})" in said.splitlines()[-1]
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 1, out
    assert '"healed"' in events(workplace)
    assert "FAIL" not in out
    assert workplace.seatrial("recover").status == 0
    wait_for(lambda: left_behind(workplace) == [], "the end of everything")


def test_init_writes_settings_that_verify_accepts_and_never_overwrites(workplace):
    """A second `init` is refused."""
    assert workplace.seatrial("init").status == 0
    assert "overwritten" in mistake(workplace, "init")


def test_doctor_scenarios_and_help_answer(workplace):
    """The catalogue and what is missing here."""
    assert "kill-database" in workplace.seatrial("scenarios").out
    assert workplace.seatrial("doctor").status == 0
    assert "exit status" in workplace.seatrial("--help").out


def test_secrets_reach_no_file_and_no_output(workplace):
    """A secret from the environment, in the command and in the environment of a component."""
    secret = "correct-horse-battery"
    workplace.env["NOTES_PASSWORD"] = secret
    settings = notes_settings() + 'env = { NOTES_PASSWORD = "${NOTES_PASSWORD}", OTHER = "x-${NOTES_PASSWORD}" }\n'
    workplace.write("seatrial.toml", settings)
    workplace.write("story.yaml", story())
    done = workplace.seatrial("run", "story.yaml", "--format", "json")
    assert done.status == 0, done.out + done.err
    assert secret not in done.out + done.err
    for path in (workplace.folder / "reports").rglob("*"):
        assert not path.is_file() or secret not in path.read_text(errors="replace"), path


def test_a_users_own_locustfile_runs_unchanged(workplace):
    """Locust users of a team's own, recorded and judged like the load from data."""
    workplace.write("load.py", LOCUSTFILE)
    own = '[load]\nlocustfile = "load.py"\nusers = 5\n\n[ledger]'
    workplace.write("seatrial.toml", re.sub(r"\[load\].*?\[ledger\]", own, notes_settings(), flags=re.DOTALL))
    workplace.write("story.yaml", story())
    done = workplace.seatrial("run", "story.yaml", "--format", "json")
    assert done.status == 0, done.out + done.err
    assert "/api/chart/X" in " ".join(done.promise("p95 before")["proof"])


def test_plain_pytest_gives_the_same_verdict_and_report(workplace):
    """`pytest suites/chaos -k story` runs the same, without the command line of Seatrial."""
    workplace.write("seatrial.toml", notes_settings())
    workplace.write("story.yaml", story())
    command = [sys.executable, "-m", "pytest", str(bundled("suites") / "chaos"), "-k", "story", "--target", "local",
               "--scenario", "story.yaml", "-c", os.devnull, "-p", "no:locust", "--rootdir", ".",
               "-W", "error"]  # fmt: skip
    done = subprocess.run(command, cwd=workplace.folder, env=workplace.environment, capture_output=True, text=True,
                          check=False, timeout=DEADLINE_S)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr  # a process that nobody waited for would warn
    (folder,) = (workplace.folder / "reports" / "runs").iterdir()
    assert json.loads((folder / "verdict.json").read_text())["verdict"] == "PASS"
    assert (folder / "report.html").exists()
    assert f"PASS          story  reports/runs/{folder.name}/report.html" in done.stdout


def pytest_in(workplace, *arguments):
    command = [sys.executable, "-m", "pytest", "-p", "no:locust", "-c", os.devnull, "--rootdir", ".", *arguments]
    return subprocess.run(command, cwd=workplace.folder, env=workplace.environment, capture_output=True, text=True,
                          check=False, timeout=DEADLINE_S)  # fmt: skip


def test_a_shipped_scenario_for_a_component_that_is_absent_is_skipped(workplace):
    """Its name is said; with --require-all that is a failure; the plan counts only what is chosen."""
    workplace.write("seatrial.toml", notes_settings())
    chosen = (str(bundled("suites") / "chaos"), "-k", "kill-database", "-rs")
    done, strict = pytest_in(workplace, *chosen), pytest_in(workplace, *chosen, "--require-all")
    said = "has no component database, which the scenario kill-database breaks"
    assert (done.returncode, said in " ".join(done.stdout.split())) == (0, True), done.stdout
    assert (strict.returncode, said in " ".join(strict.stdout.split())) == (1, True), strict.stdout
    assert left_behind(workplace) == []


def test_a_mistake_in_one_spec_fails_that_spec_alone(workplace):
    """An unknown component and an unknown option are one line each, and the next spec runs."""
    workplace.write("seatrial.toml", notes_settings())
    workplace.write("test_specs.py", SPECS)
    done = pytest_in(workplace, "test_specs.py")
    assert "expected a component of the target (app), found cash" in done.stdout, done.stdout
    assert re.search(r"found the unknown field befor_s", done.stdout)
    assert "1 failed, 1 passed, 1 error" in done.stdout
    assert left_behind(workplace) == []


def test_a_spec_that_forgets_its_verdict_is_held_to_it(workplace):
    """Green only if the verdict is PASS; one that fails in its middle leaves a verdict and a report, too."""
    workplace.write("seatrial.toml", notes_settings())
    workplace.write("test_specs.py", FORGETFUL)
    done = pytest_in(workplace, "test_specs.py", "-rA")
    assert "2 failed, 1 passed" in done.stdout, done.stdout
    assert "PASSED test_specs.py::test_of_what_serves" in done.stdout
    assert "FAILED test_specs.py::test_of_what_is_slow" in done.stdout
    assert "AssertionError: FAIL recovery time" in done.stdout
    assert "RuntimeError: a mistake of the team" in done.stdout
    runs = sorted((workplace.folder / "reports" / "runs").iterdir())
    assert [(run / "report.html").exists() for run in runs] == [True] * 3
    assert left_behind(workplace) == []


def test_a_spec_of_a_team_never_tries_the_reference_deployment(workplace):
    """Below the folder of seatrial.toml that file is used; where there is none, nothing is tried."""
    (workplace.folder / "specs").mkdir()
    workplace.write("specs/test_specs.py", SPECS)
    here = Workplace(workplace.folder / "specs", workplace.env)
    done = pytest_in(here, "test_specs.py", "-k", "right")
    assert done.returncode == 2, done.stdout
    assert "expected a seatrial.toml in this folder or one above" in done.stdout + done.stderr
    workplace.write("seatrial.toml", notes_settings())
    done = pytest_in(here, "test_specs.py", "-k", "right")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_deployment_with_nothing_to_lose_says_so(workplace):
    """Without a ledger data loss is INCONCLUSIVE; one that keeps nothing for its users is not asked."""
    settings = re.sub(r"\[ledger\].*?\n\n", "[ledger]\nnothing_to_lose = true\n\n", notes_settings(), flags=re.DOTALL)
    workplace.write("seatrial.toml", settings)
    workplace.write("story.yaml", story())
    done = workplace.seatrial("run", "story.yaml", "--format", "json")
    assert done.status == 0, done.out + done.err
    assert "data loss" not in {promise["promise"] for promise in done.document["promises"]}


def test_a_ledger_that_reads_the_wrong_field_is_inconclusive(workplace):
    """Nothing is broken, no loss is claimed, and the reason names what to look at."""
    workplace.write("seatrial.toml", notes_settings().replace('value = "text"', 'value = "txt"'))
    workplace.write("story.yaml", story())
    done = workplace.seatrial("run", "story.yaml", "--format", "json")
    loss = done.promise("data loss")
    assert (done.status, loss["verdict"]) == (1, "INCONCLUSIVE"), loss
    assert "[ledger] read" in loss["reason"]
    assert '"injecting"' not in events(workplace)


def test_the_files_of_others_are_not_overwritten(workplace):
    """An index.html or a report that Seatrial did not write stays as it is."""
    workplace.write("seatrial.toml", notes_settings())
    workplace.write("story.yaml", story())
    (workplace.folder / "site").mkdir()
    page = workplace.write("site/index.html", "<html>ours</html>")
    assert "left as it is" in mistake(workplace, "run", "story.yaml", "--reports", "site")
    assert page.read_text() == "<html>ours</html>"


def test_the_worked_example_runs_in_a_teams_own_repository(workplace):
    """docs/example/test_cache_loss.py, with nothing but pytest and settings: here those of the reference."""
    example = BROKEN.parent.parent / "docs" / "example" / "test_cache_loss.py"
    shutil.copy(example, workplace.folder)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:locust",
        example.name,
        "--settings",
        reference_settings(),
    ]
    done = subprocess.run(command, cwd=workplace.folder, env=workplace.environment, capture_output=True, text=True,
                          check=False, timeout=DEADLINE_S)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_scenario_of_ones_own_runs_under_chaos_run(workplace):
    """`chaos run story.yaml`: the control brings the deployment up, judges, and takes it down."""
    workplace.write("seatrial.toml", notes_settings())
    workplace.write("story.yaml", story())
    command = [sys.executable, "-m", "chaostoolkit", "--log-file", os.devnull, "run", "story.yaml"]
    done = subprocess.run(command, cwd=workplace.folder, env=workplace.environment, capture_output=True, text=True,
                          check=False, timeout=DEADLINE_S)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing left behind" in done.stdout + done.stderr
    assert left_behind(workplace) == []


def test_probe_prints_the_contract(workplace):
    """JSON with samples, failed and outages; status 1 where something failed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = workplace.seatrial("probe", f"http://127.0.0.1:{port}/", "--duration", "1", "--format", "json")
    assert done.status == 1
    assert done.document["failed"] == done.document["samples"] > 50
    (outage,) = done.document["outages"]
    assert (outage["upper_s"], outage["recovered"]) == (None, None)
    assert "http" in mistake(workplace, "probe", "ftp://nowhere")


def test_help_imports_nothing_heavy():
    """`seatrial --help` answers at once: neither pytest nor Locust nor pydantic is imported for it."""
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    loaded = set(re.findall(r"'([a-z_]+)'", done.stdout.splitlines()[-1]))
    assert loaded & {"pytest", "locust", "pydantic", "chaoslib", "jinja2", "psycopg", "redis", "yaml"} == set()
