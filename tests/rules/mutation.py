"""Spoiling files as disks, editors and careless hands do: cut, flipped, lines lost, types swapped, huge, deep."""

from __future__ import annotations

import random
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FOLDERS = (ROOT / "fixtures" / "insitechart", ROOT / "tests" / "careless")
ODD = [
    "null",
    "[]",
    "{}",
    "true",
    "-1",
    "1e999",
    "''",
    "*nobody",
    "&a [*a]",
    "!!python/object:os.system x",
    "|",
    "0x",
    "\t",
    "22:22",
]


def originals():
    """The files of both folders: name and content."""
    found = {}
    for folder in FOLDERS:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                found[f"{folder.name}/{path.relative_to(folder)}"] = path.read_bytes()
    return found


def cut(rng, content):
    """The end is missing."""
    return content[: rng.randrange(len(content))]


def flip(rng, content):
    """Some bytes are others."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 20)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def lose_lines(rng, content):
    """Some lines are missing."""
    lines = content.split(b"\n")
    return b"\n".join(line for line in lines if rng.random() > 0.15)


def shuffle_lines(rng, content):
    """Some lines stand elsewhere."""
    lines = content.split(b"\n")
    for _ in range(rng.randint(1, 5)):
        lines.insert(rng.randrange(len(lines)), lines.pop(rng.randrange(len(lines))))
    return b"\n".join(lines)


def swap_values(rng, content):
    """Values are of another type."""
    lines = content.split(b"\n")
    for number in rng.sample(range(len(lines)), min(len(lines), 4)):
        head, colon, _ = lines[number].partition(b":")
        if colon:
            lines[number] = head + b": " + rng.choice(ODD).encode()
    return b"\n".join(lines)


def repeat(rng, content):
    """A part of it stands there many times."""
    start = rng.randrange(len(content))
    return content[:start] + content[start : start + rng.randint(1, 200)] * rng.randint(2, 200) + content[start:]


def nest(rng, content):
    """Brackets without end."""
    start = rng.randrange(len(content))
    return (
        content[:start]
        + rng.choice([b"[", b"{", b"- ", b"(", b"$(", b"`", b"${"]) * rng.choice([10, 300, 20_000])
        + content[start:]
    )


def recode(rng, content):
    """Another encoding, other line ends."""
    text = content.decode(errors="replace")
    return rng.choice(
        [
            text.encode("utf-16"),
            text.encode("cp949", "replace"),
            text.replace("\n", "\r").encode(),
            b"\xef\xbb\xbf" + content,
        ]
    )


MUTATIONS = (cut, flip, lose_lines, shuffle_lines, swap_values, repeat, nest, recode)


def spoilt(count, seed=1):
    """So many spoilt files: what was done, name, content. The same seed gives the same files."""
    rng = random.Random(seed)
    files = [(name, content) for name, content in originals().items() if content]
    for number in range(count):
        name, content = files[number % len(files)]
        for mutation in rng.sample(MUTATIONS, rng.choice([1, 1, 1, 2])):
            content = mutation(rng, content) or b"x"
        yield f"{number}: {name}", name.partition("/")[2], content
