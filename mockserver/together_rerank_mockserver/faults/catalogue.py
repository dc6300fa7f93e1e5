"""The catalogue of faults: everything that the mock can simulate, by name."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from together_rerank_mockserver.faults import body, error, request, status, wire
from together_rerank_mockserver.faults.fault import Fault
from together_rerank_mockserver.faults.status import StatusFault
from together_rerank_spec import Document

OK = Fault(name="ok", family="none", sentence="No fault; ways of lower precedence are ignored", applies="any call")
_NEAREST = 3
STATUS_RANGE = "status from 300 to 599"


class UnknownFault(ValueError):
    """No fault has this name; the message lists the names that are nearest to it."""


class Catalogue:
    """The faults of a mock of *document*, by name; an unknown name raises UnknownFault.

    It lists the statuses that the API is known to have, and has every other one from 300 to 599, too.
    """

    def __init__(self, document: Document) -> None:
        faults = [OK, *status.faults(document), *wire.FAULTS, *body.FAULTS, *error.FAULTS, *request.FAULTS]
        self._faults: dict[str, Fault] = {fault.name: fault for fault in faults}
        self._other_statuses: dict[str, Fault] = {}  # made on use, because there are almost 300
        self._document = document

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults.values())

    def __getitem__(self, name: str) -> Fault:
        if name == "200":
            return OK
        if name in self._faults:
            return self._faults[name]
        if re.fullmatch("[345][0-9]{2}", name):
            if name not in self._other_statuses:
                self._other_statuses[name] = status.fault(self._document, int(name))
            return self._other_statuses[name]
        near = ", ".join(get_close_matches(name[:100], self._faults, n=_NEAREST, cutoff=0))
        also = f", and every {STATUS_RANGE} is one" if name.isdigit() else ""
        unknown = f"there is no fault `{name[:100]}`"
        raise UnknownFault(f"{unknown}; the nearest: {near}; `together-rerank-mock faults` lists all{also}")

    def status(self, code: int) -> StatusFault:
        """Return the fault of the status *code*."""
        fault = self[str(code)]
        assert isinstance(fault, StatusFault), f"{fault.name} is of another family"
        return fault
