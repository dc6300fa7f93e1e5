"""What a session reports while it runs; the command shows it."""

from together_rerank_contract_tests.run.outcome import Outcome


class Progress:
    """Receives the progress of a run; this class shows nothing."""

    def begin(self, text: str) -> None:
        """The endpoint answers, and the first requirement starts; *text* describes the endpoint."""

    def outcome(self, outcome: Outcome) -> None:
        """A requirement has an outcome."""

    def requests(self, sent: int, estimate: int) -> None:
        """The run has *sent* this number of requests, of about *estimate*."""

    def waiting(self, seconds: float, reason: str) -> None:
        """The next request waits for *seconds*."""

    def end(self) -> None:
        """The run has ended, or is interrupted."""
