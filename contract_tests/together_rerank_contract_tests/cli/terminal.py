"""Show the progress of a run as a line that changes on a terminal."""

import math
import time
from collections import Counter

from rich.progress import BarColumn, ProgressColumn, Task
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from together_rerank_contract_tests.run.outcome import Outcome, State
from together_rerank_contract_tests.run.progress import Progress

_BAR_WIDTH = 12


class Line(Progress):
    """Shows a line with the outcomes, the requests, the time left and the wait, and removes it at the end."""

    def __init__(self) -> None:
        self._state = _State()
        self._line = RichProgress(BarColumn(_BAR_WIDTH), self._state, transient=True)
        self._task = self._line.add_task("", total=None)

    def begin(self, text: str) -> None:
        self._line.start()
        self._line.console.print(text, end="", markup=False, highlight=False, soft_wrap=True)

    def outcome(self, outcome: Outcome) -> None:
        self._state.outcomes[outcome.state] += 1

    def requests(self, sent: int, estimate: int) -> None:
        self._line.update(self._task, completed=sent, total=max(sent, estimate))

    def waiting(self, seconds: float, reason: str) -> None:
        self._state.waits_until, self._state.reason = time.monotonic() + seconds, reason
        self._line.start()  # the run may wait before it begins

    def end(self) -> None:
        self._line.stop()


class _State(ProgressColumn):
    """The text of the line."""

    def __init__(self) -> None:
        super().__init__(Column(no_wrap=True))
        self.outcomes: Counter[State] = Counter()
        self.waits_until, self.reason = 0.0, ""

    def render(self, task: Task) -> Text:
        parts = [f"{number} {state}" for state in State if (number := self.outcomes[state])]
        if task.total:
            parts.append(f"{task.completed:.0f} of about {task.total:.0f} requests")
        if task.time_remaining:
            parts.append(f"{task.time_remaining:.0f} s left")
        if (seconds := math.ceil(self.waits_until - time.monotonic())) > 0:
            parts.append(f"waiting {seconds} s ({self.reason})")
        return Text(", ".join(parts))
