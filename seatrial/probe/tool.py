"""`seatrial probe URL`: the same sampler on any URL, and its outages as intervals."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from seatrial import outages as model
from seatrial.attention import sampler_attention
from seatrial.errors import InputError
from seatrial.probe.config import SamplerConfig
from seatrial.probe.http1 import parse_url
from seatrial.probe.process import SamplerProcess
from seatrial.samples import OK

if TYPE_CHECKING:
    from seatrial.samples import Sample

Found = tuple[str, model.Outage]

WARM = 20  # answers from which the normal latency is learnt, where there are so many


def probe_url(url: str, rate_hz: float, duration_s: float, timeout_s: float) -> dict[str, Any]:
    """Sample for so long (or until Ctrl-C); the contract of `seatrial probe --format json`. Raises InputError."""
    parse_url(url)
    for name, value, most in (
        ("--rate", rate_hz, 1000),
        ("--duration", duration_s, 1e7),
        ("--timeout", timeout_s, 1e4),
    ):
        if not 0 < value <= most:
            raise InputError(f"{name} above 0 and at most {most:g}", f"{value:g}")
    with tempfile.TemporaryDirectory(prefix="seatrial-probe-") as folder:
        process = SamplerProcess(SamplerConfig(url, folder, rate_hz=rate_hz, timeout_s=timeout_s))
        utc, monotonic = datetime.now(UTC), time.monotonic()
        try:
            process.start()
            time.sleep(duration_s)
        except KeyboardInterrupt:
            pass  # the result so far is what the user wants
        finally:
            process.stop()
        return summarize(process.poll(), utc - timedelta(seconds=monotonic))


def summarize(samples: list[Sample], zero: datetime) -> dict[str, Any]:
    """Samples, failures, and the outages over both streams; `zero` is UTC at monotonic 0."""
    streams: dict[str, list[Sample]] = {}
    for sample in sorted(samples, key=lambda sample: (sample.start_s, sample.end_s)):
        streams.setdefault(sample.stream, []).append(sample)
    looked = sampler_attention(streams)
    found = [(name, outage) for name, some in streams.items() for outage in model.outages(some, _normal(some), looked)]
    outages = [_described(group, zero) for group in _overlapping(found)]
    outcomes = dict(Counter(sample.outcome for sample in samples).most_common())
    failed = sum(not sample.ok for sample in samples)
    return {"samples": len(samples), "failed": failed, "outcomes": outcomes, "outages": outages}


def render(found: dict[str, Any]) -> str:
    """The same for people."""
    counted = ", ".join(f"{count} {outcome}" for outcome, count in found["outcomes"].items() if outcome != OK)
    lines = [f"{found['samples']} samples on new and on kept connections, {found['failed']} failed"]
    lines[0] += f" ({counted})" if counted else ""
    for outage in found["outages"]:
        upper = "no end seen" if outage["upper_s"] is None else f"{outage['upper_s']:.3f} s"
        back = outage["recovered"] or "not recovered"
        lines.append(f"down for [{outage['lower_s']:.3f} s, {upper}] from {outage['first_failure']} to {back}")
    return "\n".join(lines if found["outages"] else [*lines, "no outage"])


def _normal(samples: list[Sample]) -> model.Baseline:
    answers = [sample for sample in samples if sample.ok]
    return model.baseline(answers[:WARM]) if len(answers) >= WARM else model.Baseline()


def _overlapping(found: list[Found]) -> list[list[Found]]:
    """Outages of the streams that overlap are one outage of the service."""
    groups: list[list[Found]] = []
    for stream, outage in sorted(found, key=lambda item: item[1].onset.lower_s):
        if groups and outage.onset.lower_s <= max(other.end.upper_s for _, other in groups[-1]):
            groups[-1].append((stream, outage))
        else:
            groups.append([(stream, outage)])
    return groups


def _described(group: list[Found], zero: datetime) -> dict[str, Any]:
    by_stream: dict[str, list[model.Outage]] = {}
    for stream, item in group:
        by_stream.setdefault(stream, []).append(item)
    outage = model.combine(by_stream)
    ended = outage.end.upper_s != model.NEVER

    def utc(at_s: float) -> str:
        return (zero + timedelta(seconds=at_s)).isoformat(timespec="milliseconds")

    return {
        "lower_s": round(outage.duration.lower_s, 6),
        "upper_s": round(outage.duration.upper_s, 6) if ended else None,
        "first_failure": utc(min(item.first_failure_s for _, item in group)),
        "recovered": utc(outage.end.upper_s) if ended else None,
    }
