"""The catalogue of faults: every way in which the mock breaks on request, by name."""

from collections.abc import Iterator
from difflib import get_close_matches

from together_rerank_mockserver.faults import body, status, wire
from together_rerank_mockserver.faults.fault import (
    Fault,
    StatusFault,
)
from together_rerank_spec import Document

OK = Fault(name="ok", family="none", sentence="Nothing is wrong; other doors are not asked", applies="any call")


class UnknownFault(ValueError): ...


class Catalogue:
    """The faults that a mock of *document* knows, by name."""

    def __init__(self, document: Document) -> None:
        faults: list[Fault] = [OK, *status.faults(document), *wire.FAULTS, *body.FAULTS]
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
        raise UnknownFault(f"no fault is called `{name[:100]}`{hint}; there are: {', '.join(self._faults)}")

    def status(self, code: int) -> StatusFault:
        fault = self[str(code)]
        assert isinstance(fault, StatusFault), f"{fault.name} is of another family"
        return fault
