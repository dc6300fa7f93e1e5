"""The catalogue of faults: everything that the mock can simulate, by name."""

from collections.abc import Iterator
from difflib import get_close_matches

from together_rerank_mockserver.faults import body, error, request, status, wire
from together_rerank_mockserver.faults.fault import (
    Fault,
    StatusFault,
)
from together_rerank_spec import Document, dialect, dialects

OK = Fault(name="ok", family="none", sentence="No fault; ways of lower precedence are ignored", applies="any call")


class UnknownFault(ValueError):
    """No fault has this name; the message lists all names."""


class Catalogue:
    """The faults of a mock of *document*, by name; an unknown name raises UnknownFault."""

    def __init__(self, document: Document) -> None:
        faults: list[Fault] = [OK, *status.faults(document), *wire.FAULTS, *body.FAULTS]
        faults += [*error.FAULTS, *request.FAULTS]
        self._faults = {fault.name: fault for fault in faults}

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults.values())

    def __getitem__(self, name: str) -> Fault:
        if name == "200":
            return OK
        if name in self._faults:
            return self._faults[name]
        near = get_close_matches(name[:100], self._faults, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        raise UnknownFault(f"there is no fault `{name[:100]}`{hint}; known: {', '.join(self._faults)}")

    def status(self, code: int) -> StatusFault:
        """Return the fault of the status *code*, which must be in the catalogue."""
        fault = self[str(code)]
        assert isinstance(fault, StatusFault), f"{fault.name} is of another family"
        return fault


class AnyCatalogue(Catalogue):
    """The faults of a mock of *document*, and the statuses of every dialect, whose documents are read when needed."""

    def __getitem__(self, name: str) -> Fault:
        try:
            return super().__getitem__(name)
        except UnknownFault:
            names = dialects() if name.isdigit() else ()
            for document in (operation for each in names for operation in dialect(each).operations):
                if name in map(str, document.error_statuses):
                    return Catalogue(document)[name]
            raise
