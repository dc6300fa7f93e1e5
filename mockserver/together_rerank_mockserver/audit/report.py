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
from together_rerank_mockserver.recorded import RecordedRequest
from together_rerank_mockserver.resilience import Finding


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
        return self._fails and self.accepted is None

    @property
    def is_accepted(self) -> bool:
        """Whether it fails, and that is accepted."""
        return self._fails and self.accepted is not None

    @property
    def is_notable(self) -> bool:
        """Whether it is a failure, also an accepted one, or a crash."""
        return self._fails or self.outcome is Outcome.CRASH

    @property
    def _fails(self) -> bool:
        # Without a fault, nothing else is right: there is nothing to fall back from.
        is_broken = self.name == "ranking" and self.outcome is not Outcome.RIGHT
        return self.outcome.is_failure or is_broken

    @property
    def answers(self) -> str:
        """The statuses of the answers, such as `503, 503, 200`; a request without an answer yet is not recorded."""
        nothing = "no answer" if self.outcome is Outcome.HANG else "no request"
        return ", ".join(str(each.status or "none") for each in self.requests) or nothing

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
            "answers": self.answers,
            "statuses": [each.status for each in self.requests],
            "findings": [str(each) for each in self.findings],
            "again": self.again,
        }

    @property
    def remarks(self) -> list[str]:
        """What the pipeline did wrong beside the outcome, and what to change in `accept`."""
        lines = [f"{self.name}: {finding}" for finding in self.findings]
        is_right = self.group in ("ranking", "input") and {each.status for each in self.requests} == {200}
        if is_right and self.outcome is Outcome.LOUD:
            lines.append(f"{self.name}: {self.did}, although no answer had a fault")
        if self.accepted is not None and not self._fails:
            lines.append(f"`accept` has `{self.name}`, which passes ({self.outcome.value}); remove it")
        return lines


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The rows of an audit. `str()` is the table; `write()` saves it as JSON, Markdown or HTML."""

    subject: str  # the test or the command
    rows: list[Row]
    query: str
    top_n: int | None
    hint: str | None = None  # why fallbacks may not be recognised

    def assert_no_silent_failure(self) -> None:
        """Raise AssertionError if a case failed that is not accepted; the message has each of them."""
        __tracebackhide__ = True
        if failed := self.failures:
            lines = [f"{len(failed)} of {len(self.rows)} cases fail ({self.summary}):"]
            for row in failed:
                lines += [
                    f"- {row.outcome.value}, {row.name}: {row.fault}",
                    f"    the pipeline {row.did}; answers: {row.answers}",
                    f"    again: {row.again}",
                ]
            lines += [self.hint] if self.hint else []
            raise AssertionError("\n".join(lines))

    @property
    def failures(self) -> list[Row]:
        """The rows that fail and are not accepted."""
        return [row for row in self.rows if row.is_failure]

    @property
    def notable(self) -> list[Row]:
        """The rows to look at: failures and crashes."""
        return [row for row in self.rows if row.is_notable]

    @property
    def warnings(self) -> list[str]:
        """A line for each crash, for what the pipeline does wrong as a client, and for each stale entry of `accept`."""
        lines = [f"{row.name}: crash: {row.did}" for row in self.rows if row.outcome is Outcome.CRASH]
        return lines + self._remarks

    @property
    def _remarks(self) -> list[str]:
        return [line for row in self.rows for line in row.remarks] + ([self.hint] if self.hint else [])

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
            "subject": self.subject,
            "query": self.query,
            "top_n": self.top_n,
            "failed": len(self.failures),
            "summary": self._counts,
            "warnings": self.warnings,
            "cases": [row.as_dict for row in self.rows],
        }

    def __str__(self) -> str:
        return self.table(self.rows)

    def table(self, rows: list[Row]) -> str:
        """Return *rows* as a table, with the summary and the warnings."""
        lines = [("case", "outcome", "time", "answers", "what the pipeline did")]
        lines += [(row.name, _marked(row), f"{row.seconds:.1f} s", _cut(row.answers, 24), row.did) for row in rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        again = [f"run {row.name} again: {row.again}" for row in self.failures[:1]]
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
    if row.is_accepted:
        return f"{row.outcome.value} (accepted)"
    if row.outcome is Outcome.CRASH and not row.is_failure:
        return "crash (warning)"
    return row.outcome.value.upper() if row.is_failure else row.outcome.value


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
