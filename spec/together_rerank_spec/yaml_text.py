"""YAML as OpenAPI means it: only what JSON can hold, so a date stays a string and `200` becomes a key."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import yaml


class YamlError(ValueError):
    """The text is not YAML, or not YAML that JSON could hold; the message is one line."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.2's core schema; PyYAML's own is 1.1, where `no` is a boolean and 12:30 a number."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


_CORE = (
    ("null", r"|~|null|Null|NULL", ["", "~", "n", "N"]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
)
for _name, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))
_Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(loader.construct_scalar(node)))


def parse(text: str | bytes) -> Any:
    """Return what *text*, YAML or JSON, holds; every key is a string.

    Raises:
        YamlError: with the place of the fault, where the parser knows it.
    """
    try:
        return _as_json(yaml.load(text, _Loader))  # noqa: S506  # a subclass of SafeLoader
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise YamlError(f"not YAML: {fault.problem or fault.context}{where}") from fault
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        raise YamlError(f"not YAML: {' '.join(str(fault).split())}") from fault
    except RecursionError as fault:
        raise YamlError("nested too deeply, or an anchor that contains itself") from fault


def _as_json(node: Any) -> Any:
    if isinstance(node, dict):
        return {_key(key): _as_json(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_as_json(item) for item in node]
    if node is None or isinstance(node, str | int | float):
        return node
    raise YamlError(f"a value of the kind '{type(node).__name__}', which JSON does not have")


def _key(key: Any) -> str:
    return key if isinstance(key, str) else {True: "true", False: "false", None: "null"}.get(key, str(key))
