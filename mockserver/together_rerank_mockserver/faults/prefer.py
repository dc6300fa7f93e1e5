"""The fault grammar in a Prefer header (RFC 7240): one fault for one answer, as in Prism."""

import re
from difflib import get_close_matches

from together_rerank_mockserver.faults.catalogue import STATUS_RANGE, Catalogue
from together_rerank_mockserver.faults.grammar import PARAMETERS, FaultSpec, InvalidFaultSpec, from_pairs

# So many unknown preferences of a header are checked for typos; a header with more is no typo.
_MAX_UNKNOWN = 20
_CHARACTER = r'(?:[^",]|"(?:[^"\\]|\\.)*")'
_ITEM = re.compile(f"{_CHARACTER}+")
_LIST = re.compile(f"(?:{_CHARACTER}|,)*")
_ESCAPED = re.compile(r"\\(.)")
_SELECTING = ("code", "fault")
_OF_THE_QUEUE = ("times", "then")
_PREFERENCES = (*_SELECTING, *PARAMETERS)


def from_prefer(header: str, catalogue: Catalogue) -> tuple[FaultSpec | None, str]:
    """Parse a Prefer *header*; return its fault, if any, and the preferences in it that the mock knows.

    Unknown preferences are ignored, as the RFC requires, unless they look like a typo. The first of duplicates wins.
    Raises InvalidFaultSpec if a known preference has an invalid value.
    """
    given: dict[str, str] = {}
    for item in _items(header):
        preference, _, others = item.partition(";")
        name, _, value = preference.partition("=")
        name = name.strip().lower()
        given.setdefault(name, _unquoted(value.strip()))
        if name in _PREFERENCES and any(
            each.partition("=")[0].strip().lower() in _PREFERENCES for each in others.split(";")
        ):
            raise InvalidFaultSpec("separate preferences with commas, as in code=429, retry_after=2")
    preferences = {name: value for name, value in given.items() if name in _PREFERENCES}
    for name in [name for name in given if name not in preferences][:_MAX_UNKNOWN]:
        _refuse_slip(name, catalogue)
    if not preferences:
        return None, ""
    applied = ", ".join(f"{name}={value}" for name, value in preferences.items())
    if all(name in preferences for name in _SELECTING):
        raise InvalidFaultSpec(
            "`code` and `fault` exclude each other: an answer has one fault, and a delay if you add `delay`"
        )
    parameters = {name: value for name, value in preferences.items() if name not in _SELECTING}
    return from_pairs(_name(preferences), parameters, catalogue), applied


def _items(header: str) -> list[str]:
    """Return the items of *header*, a list (RFC 9110, 5.6.1); no items if a quoted string in it does not end."""
    # Equivalent to Werkzeug's parser, which a call must not import: see `WsgiApp`.
    if not _LIST.fullmatch(header):
        return []
    return [_unquoted(item) for item in (found.strip(" \t") for found in _ITEM.findall(header)) if item]


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return _ESCAPED.sub(r"\1", value[1:-1]) if is_quoted else value


def _refuse_slip(name: str, catalogue: Catalogue) -> None:
    """Raise InvalidFaultSpec for an unknown preference that is probably a typo of a known one."""
    if name in [fault.name for fault in catalogue]:
        raise InvalidFaultSpec(f"`{name}` is the name of a fault; request it with fault={name}")
    if name in _OF_THE_QUEUE:
        raise InvalidFaultSpec(f"`{name}` is a parameter of the queue; a preference applies to one answer")
    near = get_close_matches(name[:100], [known for known in _PREFERENCES if known[0] == name[:1]], n=1, cutoff=0.75)
    if near:
        raise InvalidFaultSpec(
            f"`{name[:100]}` is not a preference; did you mean `{near[0]}`? known: {', '.join(_PREFERENCES)}"
        )


def _name(preferences: dict[str, str]) -> str | None:
    code = preferences.get("code")
    if code is None:
        return preferences.get("fault")
    if not re.fullmatch("200|[345][0-9]{2}", code):
        raise InvalidFaultSpec(f"`code` must be 200, or a {STATUS_RANGE}, not {code[:100]}")
    return code
