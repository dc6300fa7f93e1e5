"""Show the progress of a run: a line on a terminal, else one character for each requirement or request."""

import math
import time
from collections import Counter
from typing import Self

from together_rerank_contract_tests.cli import output
from together_rerank_contract_tests.run.progress import Progress
from together_rerank_spec.progress_line import ProgressLine


class ProgressDisplay(Progress):
    """Shows the outcomes, the requests and the wait from `start` to the end of its `with` block."""

    def __init__(self) -> None:
        self._line = ProgressLine(self._state)
        self._outcomes: Counter[str] = Counter()
        self._sent = self._estimate = 0
        self._waits_until, self._reason = 0.0, ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.stop()

    def start(self) -> None:
        self._line.start()

    def begin(self, text: str) -> None:
        self._line.stop()
        output.show(text)
        self._line.start()

    def outcome(self, name: str, mark: str) -> None:
        self._outcomes[name] += 1
        if not self._line.is_on_terminal:
            output.show(mark)

    def requests(self, sent: int, estimate: int) -> None:
        self._sent, self._estimate = sent, max(sent, estimate)

    def waiting(self, seconds: float, reason: str) -> None:
        self._waits_until, self._reason = time.monotonic() + seconds, reason

    def _state(self) -> tuple[str, float]:
        parts = [f"{number} {name}" for name, number in dict(self._outcomes).items()]
        if self._estimate:
            parts.append(f"{self._sent} of about {self._estimate} requests")
        if (seconds := math.ceil(self._waits_until - time.monotonic())) > 0:
            parts.append(f"waiting {seconds} s ({self._reason})")
        return ", ".join(parts) or "looking for the operation", self._sent / (self._estimate or 1)
