"""What a person reads after a run: the page, JUnit, the terminal's table, the JSON."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import random
import re
import time
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from report_runs import FAILING, INCONCLUSIVE, PASSING, START_S, STRUCK_S, make_run, tear

from seatrial.checks import judge
from seatrial.conclude import conclude_all, conclude_run, document_of, run_document
from seatrial.findings.checked import check
from seatrial.findings.promise import promise_of
from seatrial.report import charts, summary, svg, units
from seatrial.report.axis import Axis
from seatrial.report.bins import columns, rank
from seatrial.report.files import FilesView
from seatrial.report.html import render
from seatrial.report.junit import write_junit
from seatrial.report.plot import LEFT, PIXELS, Frame
from seatrial.report.scale import Log, nice_seconds, nice_step
from seatrial.report.tables import ledger, percentiles, raw_files
from seatrial.samples import OK, Sample
from seatrial.timeline import dumps, load_timeline
from seatrial.verdict import Outcome, Promise

STORIES = {"passing": PASSING, "failing": FAILING, "inconclusive": INCONCLUSIVE, "torn": PASSING}
VERDICTS = {"passing": "PASS", "failing": "FAIL", "inconclusive": "INCONCLUSIVE", "torn": "INCONCLUSIVE"}
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """A page as a browser would take it: its elements, text, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open[-1:] == [tag], f"</{tag}> inside {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.texts.append(data.strip())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(text for text in self.texts if text)


def finished(folder, name):
    """A run of this story, torn by SIGKILL if it is that one, and its verdict."""
    make_run(folder, STORIES[name])
    if name == "torn":
        tear(folder)
    timeline = load_timeline(folder)
    return timeline, judge(timeline)


@pytest.fixture(params=STORIES)
def name(request):
    return request.param


@pytest.fixture
def run(tmp_path, name):
    return finished(tmp_path / "run", name)


@pytest.fixture
def passing(tmp_path):
    return finished(tmp_path / "run", "passing")


# -- the page ---------------------------------------------------------------------------------------------------


def test_the_verdict_and_its_reason_come_first(run, name):
    """Passing, failing, inconclusive or torn by SIGKILL: the first words are the verdict, then why, in one sentence."""
    page = Page(render([run]))
    assert page.text.startswith(f"{VERDICTS[name]}: {STORIES[name].title} ")  # the page's own title
    assert page.text.split(STORIES[name].title)[1].split()[1] == VERDICTS[name]
    first = {
        "passing": "All 10 promises were kept",
        "failing": "Recovery time: not recovered after more than",
        "inconclusive": "Fault took effect: Kill left no trace",
        "torn": "Run complete: the run has no end: its runner was killed",
    }[name]
    assert page.text.split(STORIES[name].title)[2].strip().startswith(first)


def test_the_page_needs_nothing_from_outside(run):
    """No script, no link, no image, no font: nothing that a browser would fetch; and a policy that forbids it."""
    text = render([run])
    page = Page(text)
    assert {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object", "base", "form"} == set()
    references = [value for _, a in page.elements for key, value in a.items() if key in ("src", "href", "xlink:href")]
    assert all(value.startswith("#") for value in references)
    assert "@import" not in text
    assert set(re.findall(r"url\(([^)]*)\)", text)) <= {"#hatch-bad", "#hatch-doubt"}
    assert any("default-src 'none'" in (meta.get("content") or "") for meta in page.all("meta"))
    assert not [key for _, a in page.elements for key in a if key.startswith("on")]


def test_the_page_is_told_to_who_cannot_see_it(run):
    """Each picture has a title and a description that it names, each table a caption, headings go down by one."""
    page = Page(render([run]))
    pictures = [a for a in page.all("svg") if a.get("role") == "img"]
    identities = [a["id"] for _, a in page.elements if a.get("id")]
    assert len(identities) == len(set(identities))
    assert len(pictures) >= 4
    assert all(set(a["aria-labelledby"].split()) <= set(identities) for a in pictures)
    assert all(a.get("aria-hidden") for a in page.all("svg") if a not in pictures)
    assert len(page.all("table")) == len(page.all("caption"))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(later - early <= 1 for early, later in pairwise(levels))


def test_the_same_run_gives_the_same_bytes(run, tmp_path, name):
    """Nothing of the moment or the place in which a page is made stands in it."""
    again = finished(tmp_path / "elsewhere" / "run", name)
    assert render([run]) == render([run]) == render([again])


def test_hostile_text_is_inert(tmp_path):
    """A title, a stream's name or an evidence with markup is shown as text; what steers a terminal is taken out."""
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m'
    sample = Sample(f"load/{evil}", START_S + 3, START_S + 3, START_S + 3.1, f"http_500 {evil}")
    story = dataclasses.replace(PASSING, title=evil, scenario=evil, extra=[sample], settings={"note": evil})
    timeline = load_timeline(make_run(tmp_path / "run", story))
    verdict = judge(timeline)
    text = render([(timeline, verdict), (timeline, verdict)])
    page = Page(text)
    assert page.all("script") == page.all("img") == []
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in text + summary.table(verdict.promises)
    write_junit(verdict.promises, tmp_path / "junit.xml")
    assert ET.parse(tmp_path / "junit.xml").getroot().find("testsuite") is not None


def test_secrets_do_not_reach_the_page(tmp_path):
    """A password of the settings is masked when it is recorded; one in a URL that a stream is named after, here."""
    sample = Sample("load//api?token=s3cr3tt0ken", START_S + 3, START_S + 3, START_S + 3.1, OK)
    timeline = load_timeline(make_run(tmp_path / "run", dataclasses.replace(PASSING, extra=[sample])))
    text = render([(timeline, judge(timeline))])
    assert "token=***" in text
    assert "s3cr3tt0ken" not in text
    assert PASSING.password not in text


def test_raw_files_stand_with_their_hashes(passing):
    """Every recorded file is listed with size and SHA-256; what is derived from them is not."""
    timeline, _ = passing
    conclude_run(timeline.folder)
    text = (timeline.folder / "report.html").read_text()
    files = {file.name: file for file in raw_files(timeline.folder)}
    assert {"run.json", "events.jsonl", "readback.csv", "load-health.csv", "samples/load.csv"} <= set(files)
    assert not {"report.html", "verdict.json", "junit.xml"} & set(files)
    for name, file in files.items():
        data = (timeline.folder / name).read_bytes()
        assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert file.sha256 in text


def test_a_whole_verify_leads_with_the_broken_ones(tmp_path):
    """Several runs: the worst verdict first, broken promises above kept ones, each linked to its own run."""
    runs = [finished(tmp_path / name, name) for name in ("passing", "failing", "torn")]
    page = Page(render(runs))
    assert "FAIL" in page.text[:100]
    assert "Kill-app, recovery time: not recovered" in page.text[:400]
    links = [a["href"] for a in page.all("a")]
    assert {"#r1", "#r2", "#r3"} <= set(links)
    assert {link[1:] for link in links} <= {a.get("id") for _, a in page.elements}
    table = page.text[page.text.index("Those that were not kept") :]
    assert table.index("FAIL") < table.index("INCONCLUSIVE") < table.index("PASS")


def test_lost_writes_are_named(tmp_path):
    """The first 20 of 27 lost writes stand with id and time; the count is of all."""
    timeline, verdict = finished(tmp_path / "run", "failing")
    text = Page(render([(timeline, verdict)])).text
    axis = Axis(STRUCK_S, "the fault", START_S, START_S + 30, None)
    account = ledger(timeline, axis)
    assert account is not None
    assert (account.lost_count, len(account.lost)) == (27, 20)
    assert all(item.key in text for item in account.lost)
    assert "the first 20 of 27" in text
    assert account.lost[0].before_fault_s == pytest.approx(2.69, abs=0.02)


# -- numbers ----------------------------------------------------------------------------------------------------


def test_percentiles_are_exact_and_failures_infinitely_slow(tmp_path):
    """p50, p95 and p99 of a window are order statistics of its samples, counted here in another way."""
    timeline, _ = finished(tmp_path / "run", "passing")
    axis = Axis(STRUCK_S, "the fault", START_S, START_S + 30, None)
    for table in percentiles(timeline, axis):
        for row in table.rows:
            due = [s for s in timeline.streams[row.stream] if table.window.start_s <= s.intended_s < table.window.end_s]
            for fraction, value in ((0.5, row.p50_s), (0.95, row.p95_s), (0.99, row.p99_s)):
                assert sum(s.latency_s <= value for s in due) >= fraction * len(due)
                assert sum(s.latency_s < value for s in due) < fraction * len(due)
            assert row.failed == sum(count for _, count in row.outcomes) == sum(not s.ok for s in due)
    during = next(table for table in percentiles(timeline, axis) if table.name == "during")
    assert all(row.p95_s == math.inf for row in during.rows)
    assert rank([], 0.5) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 s"), (0.00042, "0.42 ms"), (0.0042, "4.2 ms"), (0.8119, "812 ms"), (0.9999, "1 s"), (1.2345, "1.23 s"),
     (59.94, "59.9 s"), (59.96, "1 min"), (900, "15 min"), (3600, "1 h"), (3661, "1 h 1 min"), (7322.4, "2 h 2 min"),
     (-2.5, "-2.5 s"), (-75, "-1 min 15 s"), (math.inf, "never"), (None, "-")],
)  # fmt: skip
def test_seconds_are_told_in_the_unit_that_keeps_them_short(value, shown):
    """Three digits that matter."""
    assert units.seconds(value) == shown


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ({"measured": 1.234, "lower": 1.21, "upper": 1.253}, "1.23 s [1.21, 1.25]"),
        ({"measured": 1.2341, "lower": 1.2338, "upper": 1.2344}, "1.234 s [1.234, 1.234]"),
        ({"measured": 0.0, "lower": 0.0, "upper": 0.0}, "0 s"),
        ({"lower": 13.349}, "> 13.3 s"),
        ({"measured": 0.9, "lower": 0.8}, "900 ms [800, inf]"),
        ({"measured": 0.008, "lower": 0.001, "upper": 0.0285, "unit": "ratio"}, "0.80 % [0.10, 2.85]"),
        ({"measured": 2.0, "unit": "count"}, "2"),
        ({}, "-"),
    ],
)
def test_what_was_measured_carries_its_uncertainty(numbers, shown):
    """One unit for value and bounds; one-sided where nothing bounds it above."""
    fields = {"unit": "s", **numbers}
    assert units.measured(Promise("recovery time", "s", "t", Outcome.PASS, "", **fields)) == shown


def test_a_margin_is_of_the_worst_case_and_not_rounded_up_to_all_of_it():
    """Of 1 h 3599.7 s are left: more than 99 %, not 100 %; what never recovered is over by at least so much."""

    def said(**numbers):
        return units.margin(Promise("recovery time", "s", "t", Outcome.PASS, "", unit="s", **numbers))

    assert said(objective=3600.0, measured=0.2, lower=0.1, upper=0.3) == "1 h (> 99 %)"
    assert said(objective=2.0, measured=1.0, lower=0.9, upper=1.5) == "500 ms (25 %)"
    assert said(objective=2.0, measured=3.0, lower=2.5, upper=3.5) == "-1.5 s (-75 %)"
    assert said(objective=5.0, lower=13.5) == "< -8.5 s"
    assert said() == "-"


def test_axes_have_round_numbers():
    """Steps of 1, 2, 5; above half a minute such as divide minutes and hours; a log axis keeps to its ends."""
    assert [nice_step(value) for value in (0.03, 1, 1.01, 4, 6)] == [0.05, 1, 2, 5, 10]
    assert [nice_seconds(value) for value in (0.2, 25, 45, 400, 100_000)] == [0.2, 30, 60, 600, 172_800]
    scale = Log(0.001, 10, 200, 0)
    assert (scale(0.001), scale(0.0), scale(10), scale(99), scale(0.1)) == (200, 200, 0, 0, pytest.approx(100))


# -- pictures ---------------------------------------------------------------------------------------------------


def synthetic(count, slow=None, seconds=100.0):
    """So many fast samples in a hundred seconds; the one at `slow` takes 5 s."""
    dice = random.Random(3)
    latencies = [0.004 + 0.002 * dice.random() for _ in range(count)]
    if slow is not None:
        latencies[slow] = 5.0
    dues = [number * seconds / count for number in range(count)]
    return [Sample("load/x", due, due, due + took, OK) for due, took in zip(dues, latencies, strict=True)]


def frame(seconds=100.0):
    """A frame from -1 % to 101 %, as a run's is."""
    return Frame(
        "x", "Load", Axis(0.0, "the beginning", -0.01 * seconds, 1.01 * seconds, datetime(2026, 11, 23, tzinfo=UTC)), []
    )


def band(text):
    """The columns of the band, as x -> (bottom, top) in coordinates."""
    path = re.search(r'<path d="([^"]*)" class="band"/>', text).group(1)
    pieces = re.findall(r"M([\d.]+) ([\d.]+)V([\d.]+)", path)
    return {float(x): (float(bottom), float(top)) for x, bottom, top in pieces}


def test_one_slow_request_among_a_hundred_thousand_is_drawn():
    """A single 5 s answer: one column reaches up to it, at its moment, and all others stay low."""
    text = str(charts.latency(frame(), synthetic(100_000, slow=73_210), 1.0))
    found = band(text)
    peak = min(found, key=lambda x: found[x][1])
    expected = LEFT + math.floor((73.21 + 1) / 102 * PIXELS) + 0.5
    assert peak == pytest.approx(expected, abs=0.11)
    assert found[peak][1] < 45
    assert all(top > 140 for x, (_, top) in found.items() if x != peak)
    assert "slowest 5 s" in text


def test_a_single_failure_is_drawn_and_told():
    """One failed request among ten thousand has its mark in the lane of failures and its bar in the throughput."""
    samples = synthetic(10_000)
    samples[5_000] = Sample("load/x", 50.0, 50.0, 50.0, "refused")
    assert re.search(r'<path d="M[\d.]+ 15V4" class="failure"/>', str(charts.latency(frame(), samples, None)))
    rate = str(charts.throughput(frame(), samples))
    assert re.search(r'class="failed"', rate)
    assert "1 failed." in rate


def test_a_million_samples_make_a_small_picture_in_seconds():
    """Under 300 kB each, and no slower than 12 s for both on a busy machine."""
    samples, began = synthetic(1_000_000, slow=5, seconds=3600.0), time.perf_counter()
    pictures = [charts.latency(frame(3600.0), samples, 1.0), charts.throughput(frame(3600.0), samples)]
    assert time.perf_counter() - began < 12
    assert all(len(picture) < 300_000 for picture in pictures)
    assert "slowest 5 s" in pictures[0]


def test_every_sample_falls_into_one_column():
    """None is dropped and none counted twice, at the edges either."""
    samples = synthetic(5_000)
    found = columns(samples, frame().axis, 37)
    assert sum(column.ok for column in found) == 5_000
    assert min(c.low_s for c in found) == pytest.approx(min(s.latency_s for s in samples))
    assert max(c.high_s for c in found) == pytest.approx(max(s.latency_s for s in samples))


def test_labels_of_lanes_do_not_overlap(run):
    """In every row of every timeline, no two labels cover each other, and none leaves the picture."""
    text = render([run])
    rows: dict[tuple[int, float], list[tuple[float, float]]] = {}
    for number, picture in enumerate(re.findall(r"<svg viewBox.*?</svg>", text, re.DOTALL)):
        for x, y, class_, anchor, words in re.findall(
            r'<text x="([\d.]+)" y="([\d.]+)" class="(\w+)" text-anchor="(\w+)">([^<]*)</text>', picture
        ):
            if class_ in ("label", "inside", "on-bar") and "-lanes" in picture:
                wide = svg.CHARACTER * len(words)
                left = float(x) - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
                rows.setdefault((number, float(y)), []).append((left, left + wide))
    assert rows
    for spans in rows.values():
        spans.sort()
        assert LEFT - 1 <= spans[0][0] <= spans[-1][1] <= 1121
        assert all(early[1] <= late[0] + 1 for early, late in pairwise(spans))


# -- for programs and terminals ---------------------------------------------------------------------------------


def test_junit_counts_and_never_turns_inconclusive_green(run, tmp_path):
    """A case for each promise; what is not PASS is a failure, of the type of its verdict."""
    _, verdict = run
    write_junit(verdict.promises, tmp_path / "junit.xml")
    root = ET.parse(tmp_path / "junit.xml").getroot()
    cases = root.findall("./testsuite/testcase")
    open_ = [promise for promise in verdict.promises if promise.outcome is not Outcome.PASS]
    assert int(root.attrib["tests"]) == len(cases) == len(verdict.promises)
    assert int(root.attrib["failures"]) == len(open_)
    failures = {
        case.attrib["name"]: case.find("failure").attrib["type"] for case in cases if case.find("failure") is not None
    }
    assert failures == {promise.promise: str(promise.outcome) for promise in open_}
    assert {case.attrib["classname"] for case in cases} == {f"seatrial.{verdict.promises[0].scenario}"}
    values = {p.attrib["name"]: p.attrib["value"] for p in cases[-1].iter("property")}
    assert values["verdict"] == str(verdict.promises[-1].outcome)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_terminals_table_fits_and_explains_what_was_not_kept(tmp_path, width):
    """No line is wider than the terminal; every promise stands once, the reason of each open one below it."""
    promises = [p for name in STORIES for p in finished(tmp_path / name, name)[1].promises]
    text = summary.table(promises, width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert text.isascii()
    flat = " ".join(text.split())
    assert all(" ".join(p.reason.split()) in flat for p in promises if p.outcome is not Outcome.PASS)
    assert lines[-1].startswith("FAIL  2 broken, ")
    column = lines[0].index("verdict")
    assert sum(line[column:] in ("PASS", "FAIL", "INCONCLUSIVE") for line in lines) == len(promises)


def test_colours_change_no_word(passing):
    """With colours the table says the same, in the same columns."""
    _, verdict = passing
    plain, coloured = (summary.table(verdict.promises, 100, colour=colour) for colour in (False, True))
    assert plain != coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def test_the_json_is_the_contract_and_does_not_depend_on_the_place(run, tmp_path, name):
    """`verdict.json` has the promised keys; a copy of the run elsewhere gives the same bytes."""
    timeline, _ = run
    verdict = conclude_run(timeline.folder)
    saved = (timeline.folder / "verdict.json").read_text()
    document = json.loads(saved)
    assert set(document) == {"verdict", "promises", "runs", "report"}
    assert document["verdict"] == VERDICTS[name]
    assert (document["runs"], document["report"]) == (["run"], "report.html")
    keys = {
        "promise",
        "scenario",
        "target",
        "objective",
        "measured",
        "lower",
        "upper",
        "unit",
        "margin",
        "verdict",
        "reason",
    }
    assert all(keys <= set(promise) for promise in document["promises"])
    moved = tmp_path / "moved" / "run"
    moved.parent.mkdir()
    timeline.folder.rename(moved)
    conclude_run(moved)
    assert dumps(run_document(moved, verdict)) + "\n" == saved
    assert (moved / "verdict.json").read_text() == saved


def test_a_verify_has_one_report_json_and_junit_of_all_its_runs(tmp_path, monkeypatch):
    """In a folder beside the runs; the JSON for programs names paths that are there."""
    monkeypatch.chdir(tmp_path)
    folders = [finished(tmp_path / "runs" / f"20261123T051500Z-{name}-local", name)[0].folder for name in STORIES]
    promises = [promise for folder in folders for promise in conclude_run(folder).promises]
    page = conclude_all(folders, tmp_path, "local")
    document = document_of(promises, folders, page)
    assert document["verdict"] == "FAIL"
    assert all((tmp_path / run / "verdict.json").exists() for run in document["runs"])
    assert (tmp_path / document["report"]).read_text().startswith("<!doctype html>")
    assert json.loads((page.parent / "verdict.json").read_text())["promises"] == document["promises"]
    assert len(ET.parse(page.parent / "junit.xml").findall("testsuite/testcase")) == len(document["promises"])


def test_a_verify_tells_what_its_deployment_files_show(tmp_path):
    """Among the promises, in a section of its own with why and what to do, and as the JSON of check."""
    (tmp_path / "compose.yaml").write_text(
        "services:\n  a:\n    image: b:1.0.0\n    restart: always\n    mem_limit: 1g\n    cpus: 1\n    cpus: 2\n"
    )
    checked = check(tmp_path, peers=False)
    promise = promise_of(checked)
    folder = finished(tmp_path / "runs" / "20261123T051500Z-passing-local", "passing")[0].folder
    page = conclude_all([folder], tmp_path, "local", FilesView(checked, promise))
    first = json.loads((page.parent / "verdict.json").read_text())["promises"][0]
    assert (first["promise"], first["target"], first["verdict"]) == ("nothing critical or major", "files", "FAIL")
    assert "writes the key cpus twice" in first["reason"]
    assert json.loads((page.parent / "check.json").read_text())["checked"] == {"compose": 1}
    shown = Page(page.read_text())
    assert "writes the key cpus twice" in shown.text
    assert "Remove one of the two" in shown.text
    assert "its files and 1 run" in shown.text


def test_a_run_of_which_nothing_was_recorded_has_a_report(tmp_path):
    """Killed before its first event: the page says that nothing was shown."""
    folder = make_run(tmp_path / "run")
    (folder / "events.jsonl").write_text("")
    for path in (folder / "samples").iterdir():
        path.unlink()
    timeline = load_timeline(folder)
    verdict = judge(timeline)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    page = Page(render([(timeline, verdict)]))
    assert "No request was recorded." in page.text
