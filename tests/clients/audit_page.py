"""Write what the audits of real clients found: the JSON, the picture and the table of docs/audit.md."""

import json
import re
from itertools import groupby
from xml.sax.saxutils import escape

from audited import PIPELINES
from together_rerank_mockserver.audit.outcome import Outcome

_TABLE = re.compile(r"(?<=<!-- clients -->\n).*(?=<!-- /clients -->\n)", re.DOTALL)
# For each outcome: the letter in its cells, their colour and that of the letter. Failures are dark.
_LOOKS = {
    Outcome.RIGHT: ("·", "#e3f1e6", "#1a4d2b"),
    Outcome.NOT_SHOWN: ("-", "#f3f3f3", "#57606a"),
    Outcome.DECLARED: ("D", "#dfe3e8", "#24292f"),
    Outcome.LOUD: ("L", "#cfe2f7", "#0b3d70"),
    Outcome.CRASH: ("C", "#ffd98a", "#5a3a00"),
    Outcome.SILENT: ("S", "#a40e26", "white"),
    Outcome.WRONG: ("W", "#7b3294", "white"),
    Outcome.HANG: ("H", "#3b3b3b", "white"),
    Outcome.NO_EFFECT: ("N", "#00429d", "white"),
}
# The groups of cases in the order of the picture, with their headings.
_GROUPS = {
    "ranking": "Another ranking",
    "input": "An unusual input",
    "status": "An error status",
    "wire": "A broken answer",
    "body": "A wrong answer",
    "limit": "A limit",
    "outage": "An outage",
    "slow": "A slow answer",
}
# In pixels: the width of the names and of a cell, the height of a line and of the headings, the width of the sentences.
_NAMES, _CELL, _LINE, _TOP, _SENTENCES = 170, 22, 16, 150, 480
_TURNED = ' transform="rotate(-60 {x} {y})"'


def outcomes(reports):
    """Return JSON: the outcomes by case and client, without what differs from run to run."""
    found = {
        rows[0].name: {client: row.outcome.value for client, row in zip(reports, rows, strict=True)}
        for rows in _cases(reports)
    }
    return json.dumps(found, indent=1) + "\n"


def page(text, reports, versions):
    """Return the page *text* with its table replaced."""
    lines = ["| in the picture | client | passages of the result | failures | crashes |", "|---|---|---|---:|---:|"]
    for client in PIPELINES:
        rows = reports[client.id].rows
        failures, crashes = len(reports[client.id].failures), sum(row.outcome is Outcome.CRASH for row in rows)
        label = client.label(versions[client.id])
        lines.append(f"| {client.id} | {label} | `{client.rows}` | {failures} | {crashes} |")
    return _TABLE.sub(lambda _: "\n{}\n\n".format("\n".join(lines)), text)


def picture(reports):
    """Return the SVG: a line for each case, with a cell for each client."""
    left = _NAMES + _CELL * len(reports)
    drawn = [_text(_NAMES + _CELL * place + 14, _TOP - 6, name, _TURNED) for place, name in enumerate(reports)]
    drawn += _legend(reports)
    top = _TOP
    for group, cases in groupby(_cases(reports), key=lambda rows: rows[0].group):
        drawn.append(_text(4, top + 15, _GROUPS[group], ' font-weight="bold"'))
        top += _LINE + 4
        for rows in cases:
            drawn.append(_text(_NAMES - 6, top + 12, rows[0].name, ' text-anchor="end"'))
            drawn.append(_text(left + 8, top + 12, rows[0].fault, ' fill="#57606a" font-size="10"'))
            drawn += [_cell(_NAMES + _CELL * place, top, row.outcome) for place, row in enumerate(rows)]
            top += _LINE
    width, height = left + _SENTENCES, top + 8
    size = f'viewBox="0 0 {width} {height}" width="{width}"'
    texts = 'role="img" aria-labelledby="title description" font-family="sans-serif" font-size="11" fill="#24292f"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {texts}>',
        '<title id="title">What real clients make of each fault</title>',
        f'<desc id="description">{escape(_description(reports))}</desc>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    return "\n".join([*head, *drawn, "</svg>\n"])


def _cases(reports):
    """Return the rows of each case, one for each client, in the order of the picture."""
    cases = zip(*(report.rows for report in reports.values()), strict=True)
    return sorted(cases, key=lambda rows: list(_GROUPS).index(rows[0].group))


def _description(reports):
    each = (f"{name}: {report.summary}." for name, report in reports.items())
    return f"A table with a line for each case and a column for each client. {' '.join(each)}"


def _legend(reports):
    seen = {row.outcome for report in reports.values() for row in report.rows}
    drawn = []
    for line, outcome in enumerate(each for each in Outcome if each in seen):
        drawn += [_cell(4, 8 + 18 * line, outcome), _text(32, 20 + 18 * line, outcome.value)]
    return drawn


def _cell(x, y, outcome):
    letter, colour, ink = _LOOKS[outcome]
    box = f'<rect x="{x}" y="{y}" width="{_CELL - 2}" height="{_LINE - 2}" fill="{colour}"/>'
    return box + _text(x + _CELL // 2 - 1, y + 11, letter, f' text-anchor="middle" fill="{ink}"')


def _text(x, y, text, attributes=""):
    return f'<text x="{x}" y="{y}"{attributes.format(x=x, y=y)}>{escape(text)}</text>'
