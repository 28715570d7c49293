"""Pages of Markdown as tests: their files are written, their commands are run, their output is compared.

A block under a line such as "`votes.csv`:" is a file. In a `console` block a line that starts with `$ ` is a command
(a backslash at its end goes on in the next line) and what follows is what it prints on stdout; a line `…` stands for
any lines, and `…` inside a line for any characters.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parent.parent
_BLOCK = re.compile(
    r"(?:^`(?P<file>[\w.-]+)`:\n\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    """A block of code: its language, its text, and the file that it is, if it is one."""

    language: str
    text: str
    file: str | None


class Command(NamedTuple):
    """A command line and the lines that the page says it prints."""

    line: str
    expected: list[str]


class Ran(NamedTuple):
    """A command that was run."""

    line: str
    expected: list[str]
    stdout: str
    stderr: str
    code: int


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """The blocks of a page, or those in a language."""
    found = [Block(b["language"], b["text"], b["file"]) for b in _BLOCK.finditer(page.read_text(encoding="utf-8"))]
    return found if language is None else [block for block in found if block.language == language]


def commands(block: Block) -> list[Command]:
    """The commands of a console block."""
    found: list[Command] = []
    going_on = False
    for line in block.text.splitlines():
        if going_on:
            found[-1] = Command(found[-1].line + "\n" + line, [])
        elif line.startswith("$ "):
            found.append(Command(line[2:], []))
        else:
            found[-1].expected.append(line)
        going_on = line.endswith("\\") and not found[-1].expected
    return found


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Variables for a command in a folder: nothing of the developer's counts, and `graphengine` is this checkout's."""
    programs = folder / ".bin"
    programs.mkdir(exist_ok=True)
    program = programs / "graphengine"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -W error -m graphengine "$@"\n')
    program.chmod(0o755)
    own = {name: value for name, value in os.environ.items()
           if not name.startswith("NEO4J_") and name != "GRAPHENGINE_GRAPH"}
    paths = [str(programs), str(Path(sys.executable).parent), own["PATH"]]
    return own | {
        "PATH": os.pathsep.join(paths), "XDG_CONFIG_HOME": str(folder / ".config"), "PYTHONPATH": str(PROJECT),
        "PYTHONIOENCODING": "utf-8", "HF_HOME": str(folder / ".hf"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1", **more,
    }


def run(page: Path, folder: Path) -> list[Ran]:
    """Write the files of a page into a folder and run its commands there, in their order."""
    variables = environment(folder)
    ran: list[Ran] = []
    code = 0
    for block in blocks(page):
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            for line, expected in commands(block):
                # The exit code of the command before is there for `echo $?`.
                done = subprocess.run(
                    ["bash", "-c", f"(exit {code})\n{line}"], cwd=folder, env=variables, capture_output=True,
                    encoding="utf-8", check=False,
                )
                code = done.returncode
                ran.append(Ran(line, expected, done.stdout, done.stderr, code))
    return ran


def differs(ran: Ran) -> str:
    """How what a command printed differs from what its page says; nothing where it does not."""
    pattern = ""
    for line in ran.expected:
        if line == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(map(re.escape, line.rstrip().split("…"))) + " *\n"
    if re.fullmatch(pattern, ran.stdout) and "Traceback" not in ran.stderr:
        return ""
    return "\n".join([f"$ {ran.line}", *ran.expected, f"--- printed (exit code {ran.code}):", ran.stdout, ran.stderr])
