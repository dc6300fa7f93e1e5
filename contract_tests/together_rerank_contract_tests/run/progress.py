"""What a run reports while it sends requests; the command shows it."""


class Progress:
    """Receives the progress of a run; this class shows nothing."""

    def start(self) -> None:
        """The run looks for the operation of the endpoint."""

    def begin(self, text: str) -> None:
        """The endpoint answers, and the first requirement or request starts; *text* describes the endpoint."""

    def outcome(self, name: str, mark: str) -> None:
        """A requirement has an outcome, or a request has been sent; *mark* is one character."""

    def requests(self, sent: int, estimate: int) -> None:
        """The run has *sent* this number of requests, of about *estimate*."""

    def waiting(self, seconds: float, reason: str) -> None:
        """The next request waits for *seconds*."""
