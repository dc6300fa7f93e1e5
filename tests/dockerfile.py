"""Read the `Dockerfile` and `.dockerignore`."""

import json
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass

from snippets import ROOT


@dataclass(frozen=True)
class Step:
    """An instruction with its text, in one line, and the flags at its beginning."""

    instruction: str
    flags: list[str]
    text: str


def steps():
    """Return the steps of each stage, by the name of the stage; the last one is the image and has no name."""
    lines = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    stages = {}
    for line in filter(None, lines.splitlines()):
        instruction, flags, text = re.fullmatch(r"([A-Z]+) ((?:--\S+ +)*)(.+)", line).groups()
        if instruction == "FROM":
            stage = stages.setdefault(text.partition(" AS ")[2], [])
        stage.append(Step(instruction, flags.split(), text.strip()))
    return stages


def texts(instruction):
    """Return the texts of the steps of the image with an instruction."""
    return [step.text for step in steps()[""] if step.instruction == instruction]


def command(instruction):
    """Return the words of the step of the image that has a command, which is a list in JSON."""
    (text,) = texts(instruction)
    return json.loads(text.removeprefix("CMD "))


def variables():
    """Return the environment variables that the image sets."""
    return dict(word.split("=", 1) for text in texts("ENV") for word in shlex.split(text))


def copy_context(folder):
    """Copy the tracked files that `.dockerignore` lets through into *folder*."""
    everything, *names = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")
    ]
    assert everything == "*"
    let_through = [name.removeprefix("!") for name in names if name.startswith("!")]
    listed = subprocess.run(
        ["git", "ls-files", "--error-unmatch", *let_through], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for path in listed.stdout.splitlines():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
