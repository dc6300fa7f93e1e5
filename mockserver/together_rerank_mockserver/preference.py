"""The Prefer header (RFC 7240): what a client asks of one answer, as Prism has it."""

from __future__ import annotations

import re
from difflib import get_close_matches

from together_rerank_mockserver.faults import EVERYWHERE, Catalogue
from together_rerank_mockserver.orders import BadOrder, Order, from_pairs

_CHARACTER = r'(?:[^",]|"(?:[^"\\]|\\.)*")'
_ITEM = re.compile(f"{_CHARACTER}+")
_LIST = re.compile(f"(?:{_CHARACTER}|,)*")
_ESCAPED = re.compile(r"\\(.)")
_SELECTING = ("code", "fault")
_OF_THE_QUEUE = ("times", "then")
_KNOWN = (*_SELECTING, *EVERYWHERE, "retry_after", "retry_after_ms", "pause")


def parse(header: str, catalogue: Catalogue) -> tuple[Order | None, str]:
    """Return the order that *header* gives, if any, and the preferences in it that the mock knows.

    Others are ignored, as the RFC asks, unless they look like a slip of the pen; of one given twice the first counts.

    Raises:
        BadOrder: a preference that the mock knows has a value that it does not.
    """
    asked: dict[str, str] = {}
    for item in _items(header):
        preference, _, others = item.partition(";")
        name, _, value = preference.partition("=")
        name = name.strip().lower()
        asked.setdefault(name, _unquoted(value.strip()))
        if name in _KNOWN and any(each.partition("=")[0].strip().lower() in _KNOWN for each in others.split(";")):
            raise BadOrder("preferences are parted by commas, as in code=429, retry_after=2")
    preferences = {name: value for name, value in asked.items() if name in _KNOWN}
    for name in asked.keys() - preferences.keys():
        _refuse_slip(name, catalogue)
    if not preferences:
        return None, ""
    applied = ", ".join(f"{name}={value}" for name, value in preferences.items())
    if all(name in preferences for name in _SELECTING):
        raise BadOrder("`code` and `fault` cannot both be asked for; of faults an answer has one, and perhaps a delay")
    parameters = {name: value for name, value in preferences.items() if name not in _SELECTING}
    return from_pairs(_name(preferences, catalogue), parameters, catalogue), applied


def _items(header: str) -> list[str]:
    """Return the items of *header*, a list (RFC 9110, 5.6.1); none at all when a quotation in it does not end."""
    # As Werkzeug's parser has it, which no call may import: see `Served`.
    if not _LIST.fullmatch(header):
        return []
    return [_unquoted(item) for item in (found.strip(" \t") for found in _ITEM.findall(header)) if item]


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return _ESCAPED.sub(r"\1", value[1:-1]) if is_quoted else value


def _refuse_slip(name: str, catalogue: Catalogue) -> None:
    """Refuse a preference that can only be meant for the mock, lest it is ignored as others are."""
    if name in [fault.name for fault in catalogue]:
        raise BadOrder(f"`{name}` is the name of a fault; ask for it with fault={name}")
    if name in _OF_THE_QUEUE:
        raise BadOrder(f"`{name}` is for the queue; a preference is about one answer")
    near = get_close_matches(name[:100], [known for known in _KNOWN if known[0] == name[:1]], n=1, cutoff=0.75)
    if near:
        raise BadOrder(f"`{name[:100]}` is not a preference; did you mean `{near[0]}`? known: {', '.join(_KNOWN)}")


def _name(preferences: dict[str, str], catalogue: Catalogue) -> str | None:
    code = preferences.get("code")
    if code is None:
        return preferences.get("fault")
    codes = ["200", *(fault.name for fault in catalogue if fault.family == "status")]
    if code not in codes:
        raise BadOrder(f"`code` must be one of {', '.join(codes)}, not {code[:100]}")
    return code
