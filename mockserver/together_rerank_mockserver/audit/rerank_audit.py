"""The fixture `rerank_audit`: audits pipelines with the mock of the test."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from together_rerank_mockserver.audit.pipeline import NO_VALUE, Declaration, Pipeline
from together_rerank_mockserver.audit.report import AuditReport
from together_rerank_mockserver.audit.run import DEFAULT_PATIENCE_S, Audit
from together_rerank_mockserver.testing.admin_client import AdminClient


class RerankAudit:
    """Audits pipelines with the mock of *admin*.

    *subject* is the name of the test, *only* are the names of the cases to run, and *again* returns the line that runs
    one of them alone. Each report is added to `reports`.
    """

    def __init__(self, admin: AdminClient, subject: str, only: Sequence[str], again: Callable[[str], str]) -> None:
        self.reports: list[AuditReport] = []
        self._admin = admin
        self._subject = subject
        self._only = only
        self._again = again

    def __call__(
        self,
        search: Callable[..., Any],
        *,
        query: str,
        passages: Sequence[str],
        top_n: int | None = None,
        read: Callable[[Any], Any] | None = None,
        fallback_log: str | None = None,
        fallback_argument: str | None = None,
        fallback_value: Any = NO_VALUE,
        accept: Mapping[str, str] | None = None,
        only: Iterable[str] = (),
        quick: bool = False,
        patience: float = DEFAULT_PATIENCE_S,
    ) -> AuditReport:
        """Run *search* under each case and return the report.

        Args:
            search: the pipeline, sync or async; it gets a query and a list of passages, and returns the best passages
                or their indexes, best first.
            query: the query; each call gets it with another word at its end.
            passages: at least three different passages, better `top_n` + 2 or more.
            top_n: how many passages *search* returns; None for all.
            read: turns what *search* returns into a list of passages or indexes; None if it is one.
            fallback_log: a regular expression; a log record declares a fallback if it matches the message.
            fallback_argument: the name of an argument of *search*; it gets a function, and a call declares a fallback.
            fallback_value: the result of *search* if it falls back, or a function of the result that says so.
            accept: the names of cases whose failure is accepted, each with the reason.
            only: the names of the cases to run; empty for all.
            quick: run only the most important cases, and none that waits.
            patience: after how many seconds a call counts as a hang, up to 600.

        Raises:
            TypeError: *search* cannot be called, or returns neither passages nor indexes.
            ValueError: another argument is invalid; the message says what is accepted.
        """
        if not callable(search):
            raise TypeError(f"rerank_audit() takes a function with the arguments query and passages, not {search!r}")
        declaration = Declaration(_compiled(fallback_log), fallback_argument, fallback_value)
        audit = Audit(
            Pipeline(search, patience, declaration, read),
            self._admin,
            subject=self._subject,
            query=query,
            passages=passages,
            top_n=top_n,
            quick=quick,
            patience_s=patience,
            only=self._only or only,
            accept=accept or {},
            again=self._again,
            hint=_hint(declaration),
        )
        report = audit.run()
        self.reports.append(report)
        return report


def _compiled(pattern: Any) -> re.Pattern[str] | None:
    try:
        return None if pattern is None else re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ValueError(f"`fallback_log` must be a regular expression, not {pattern!r}: {error}") from None


def _hint(declaration: Declaration) -> str | None:
    """Return what to check if no case declared a fallback; None if the pipeline should declare none."""
    if declaration.log is not None:
        log = f"no log record matched `fallback_log`, {declaration.log.pattern!r}"
        return f"{log}; records below the enabled level, by default WARNING, are not made"
    if declaration.argument is not None:
        return f"nothing called the function in the argument `{declaration.argument}`"
    return None if declaration.value is NO_VALUE else "no result was the `fallback_value`"
