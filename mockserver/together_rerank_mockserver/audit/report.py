"""The report of an audit: a table, JSON, Markdown or one HTML page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from together_rerank_mockserver.audit import pages
from together_rerank_mockserver.audit.outcome import Outcome
from together_rerank_mockserver.testing.recorded import RecordedRequest
from together_rerank_mockserver.testing.resilience import Finding


@dataclass(frozen=True, slots=True)
class Row:
    """What the pipeline made of one case.

    Attributes:
        name: the name of the case, such as `503`.
        group: the group of the case, such as `status`.
        fault: what the mock did.
        outcome: the outcome of the worst call.
        did: what the pipeline did in that call.
        again: the line that runs this case alone.
        seconds: how long the longest call took.
        requests: the requests that the mock received, earliest first.
        findings: what the pipeline did wrong as a client.
        accepted: why a failure is accepted; None if it is not.
    """

    name: str
    group: str
    fault: str
    outcome: Outcome
    did: str
    again: str
    seconds: float = 0.0
    requests: list[RecordedRequest] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    accepted: str | None = None

    @property
    def is_failure(self) -> bool:
        """Whether `assert_no_silent_failure` fails because of it."""
        return self.fails and self.accepted is None

    @property
    def fails(self) -> bool:
        """Whether the case fails, also if that is accepted."""
        # Without a fault, nothing else is right: there is nothing to fall back from.
        is_broken = self.name == "ranking" and self.outcome is not Outcome.RIGHT
        return self.outcome.is_failure or is_broken

    @property
    def statuses(self) -> str:
        """The statuses of the answers, such as `503, 503, 200`."""
        return ", ".join(str(each.status or "none") for each in self.requests) or "no request"

    @property
    def as_dict(self) -> dict[str, Any]:
        return {
            "case": self.name,
            "group": self.group,
            "fault": self.fault,
            "outcome": self.outcome.value,
            "fails": self.is_failure,
            "accepted": self.accepted,
            "did": self.did,
            "seconds": round(self.seconds, 3),
            "requests": len(self.requests),
            "statuses": [each.status for each in self.requests],
            "findings": [str(each) for each in self.findings],
            "again": self.again,
        }

    @property
    def remark(self) -> str | None:
        """What to change in `accept`; None if nothing."""
        is_stale = self.accepted is not None and not self.fails
        return f"`accept` has `{self.name}`, which passes ({self.outcome.value}); remove it" if is_stale else None


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The rows of an audit. `str()` is the table; `write()` saves it as JSON, Markdown or HTML."""

    rows: list[Row]
    query: str
    top_n: int | None

    def assert_no_silent_failure(self) -> None:
        """Raise AssertionError if a case failed that is not accepted; the message has each of them."""
        __tracebackhide__ = True
        if failed := self.failures:
            lines = [f"{len(failed)} of {len(self.rows)} cases fail ({self.summary}):"]
            for row in failed:
                lines += [
                    f"- {row.outcome.value}, {row.name}: {row.fault}",
                    f"    the pipeline {row.did}; answers: {row.statuses}",
                    f"    again: {row.again}",
                ]
            raise AssertionError("\n".join(lines))

    @property
    def failures(self) -> list[Row]:
        """The rows that fail and are not accepted."""
        return [row for row in self.rows if row.is_failure]

    @property
    def notable(self) -> list[Row]:
        """The rows to look at: failures and crashes."""
        return [row for row in self.rows if row.fails or row.outcome is Outcome.CRASH]

    @property
    def warnings(self) -> list[str]:
        """A line for each crash, each finding about requests, and each stale entry of `accept`."""
        lines = [f"{row.name}: crash: {row.did}" for row in self.rows if row.outcome is Outcome.CRASH]
        return lines + self._remarks

    @property
    def _remarks(self) -> list[str]:
        findings = [f"{row.name}: {finding}" for row in self.rows for finding in row.findings]
        return findings + [row.remark for row in self.rows if row.remark]

    @property
    def summary(self) -> str:
        """The number of cases with each outcome."""
        return ", ".join(f"{count} {outcome}" for outcome, count in self._counts.items())

    @property
    def _counts(self) -> dict[str, int]:
        found = Counter(row.outcome for row in self.rows)
        return {outcome.value: found[outcome] for outcome in Outcome if found[outcome]}

    @property
    def as_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "query": self.query,
            "top_n": self.top_n,
            "failed": len(self.failures),
            "summary": self._counts,
            "warnings": self.warnings,
            "remarks": self._remarks,
            "cases": [row.as_dict for row in self.rows],
        }

    def __str__(self) -> str:
        return self.table(self.rows)

    def table(self, rows: list[Row]) -> str:
        """Return *rows* as a table, with the summary and the warnings."""
        lines = [("case", "outcome", "time", "answers", "what the pipeline did")]
        lines += [(row.name, _marked(row), f"{row.seconds:.1f} s", _cut(row.statuses, 24), row.did) for row in rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        again = [f"see {row.name} again: {row.again}" for row in self.failures[:1]]
        return "\n".join([*(shown if rows else []), *self._remarks, *again, self.summary])

    def write(self, path: str | Path) -> None:
        """Write the report to *path*, whose suffix is `.json`, `.md` or `.html`.

        Raises:
            OSError: the file cannot be written.
            ValueError: the suffix is another one.
        """
        form = form_of(path)
        Path(path).write_text(form(self.as_dict), encoding="utf-8")


def form_of(path: str | Path) -> Callable[[dict[str, Any]], str]:
    """Return the function that writes the report as the suffix of *path* says; raise ValueError for an unknown one."""
    suffix = Path(path).suffix
    if suffix not in _FORMS:
        raise ValueError(f"the report can be written to a file that ends in {', '.join(_FORMS)}, not to {path}")
    return _FORMS[suffix]


_FORMS: dict[str, Callable[[dict[str, Any]], str]] = {
    ".json": lambda data: json.dumps(data, ensure_ascii=False, indent=2) + "\n",
    ".md": pages.markdown,
    ".html": pages.html,
}


def _marked(row: Row) -> str:
    if row.accepted is not None and row.remark is None:
        return f"{row.outcome.value} (accepted)"
    if row.outcome is Outcome.CRASH and not row.is_failure:
        return "crash (warning)"
    return row.outcome.value.upper() if row.is_failure else row.outcome.value


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
