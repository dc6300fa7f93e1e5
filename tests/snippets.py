"""Read the fenced blocks of a page, and the output that is shown below a block."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
PORT = "4010"
_SECONDS = re.compile(r"(?<![\d.])\d+\.\d+ ?s\b")


@dataclass(frozen=True)
class Snippet:
    language: str
    text: str
    output: str | None

    @property
    def first_line(self):
        return self.text.splitlines()[0]

    def at(self, port):
        """Return the text with *port* instead of the port of the page."""
        assert PORT in self.text, "the port is gone from the snippet"
        return self.text.replace(PORT, str(port))


def shown(text, port):
    """Return the output of a command as a page shows it: with the port of the page, and the same time in every run."""
    return _SECONDS.sub("0.1 s", text.replace(str(port), PORT)).strip()


def snippets(page="README.md"):
    blocks = [(match["language"], match["text"]) for match in _BLOCK.finditer((ROOT / page).read_text())]
    following = [*blocks[1:], (None, None)] if blocks else []
    return [
        Snippet(language, text, after if kind == "output" else None)
        for (language, text), (kind, after) in zip(blocks, following, strict=True)
        if language != "output"
    ]


def write_project(page, folder):
    """Write the files that *page* shows, those whose first line is their name, into *folder*; return their names."""
    files = {each.first_line.split()[1]: each.text for each in snippets(page) if is_file(each)}
    for name, text in files.items():
        (folder / name).write_text(text)
    return list(files)


def is_file(snippet):
    """Return whether a snippet shows a complete file."""
    return re.fullmatch(r"(#|//) \w+\.(py|sh|mts|ini)", snippet.first_line) is not None


def snippet(beginning):
    """Return the one snippet of the README that starts with *beginning*."""
    (found,) = [each for each in snippets() if each.text.startswith(beginning)]
    return found
