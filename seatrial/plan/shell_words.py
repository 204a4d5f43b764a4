"""Words of shell commands: without their quotes, behind the programs that only run another one."""

from __future__ import annotations

import re
from typing import Any

Tree = Any  # a node of tree-sitter, which has types of its own that need no naming here
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)|([A-Za-z_]\w*))")
# Programs that run another one, with those of their options that take a value.
RUNNERS = {
    "sudo": ("-u", "-g"), "env": ("-u",), "nice": ("-n",), "ionice": ("-c", "-n"), "timeout": ("-k", "-s"),
    "flock": ("-w",), "time": (), "exec": ("-a",), "nohup": (), "command": (), "eval": (),
}  # fmt: skip


def run_by(words: list[str]) -> list[str]:
    """What a runner runs: the words behind its own options and operands."""
    head = words[0].rsplit("/", maxsplit=1)[-1]
    rest = words[1:]
    while rest and (rest[0].startswith("-") or "=" in rest[0]):
        rest = rest[2:] if rest[0] in RUNNERS[head] else rest[1:]
    return rest[1:] if head in ("timeout", "flock") else rest  # a duration, a file


def text_of(node: Tree) -> str:
    """The text of a part of the tree."""
    return str(node.text.decode(errors="replace"))


def unquoted(node: Tree) -> str:
    """A word's text without its quotes; expansions stay as they are written."""
    if node.type in ("command_name", "concatenation") and node.named_children:
        return "".join(unquoted(child) for child in node.children)
    text = text_of(node)
    if node.type in ("string", "raw_string") and len(text) > 1:
        return text[1:-1]
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) if node.type == "word" else text


def variables_of(text: str) -> list[str]:
    """Names of the variables that a text uses."""
    return [first or second for first, second in _VARIABLE.findall(text)]


def sets(words: list[str], letter: str, name: str) -> bool:
    """Does `set ...` with these words switch the option on?"""
    for number, word in enumerate(words[1:], start=1):
        if re.fullmatch(r"-[a-zA-Z]+", word) and letter in word[1:]:
            return True
        if word.endswith("o") and word.startswith("-") and number + 1 < len(words) and words[number + 1] == name:
            return True
    return False


def unsets(words: list[str], letter: str, name: str) -> bool:
    """Does `set ...` with these words switch the option off?"""
    for number, word in enumerate(words[1:], start=1):
        if re.fullmatch(r"\+[a-zA-Z]+", word) and letter in word[1:]:
            return True
        if re.fullmatch(r"\+[a-zA-Z]*o", word) and words[number + 1 : number + 2] == [name]:
            return True
    return False
