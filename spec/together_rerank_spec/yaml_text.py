"""YAML as OpenAPI means it: only what JSON can hold, so a date stays a string and `200` becomes a key."""

import json
import re
from typing import Any, ClassVar

import yaml


class YamlError(ValueError):
    """The text is not YAML, or not YAML that JSON could hold; the message is one line."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.2's core schema; PyYAML's own is 1.1, where `no` is a boolean and 12:30 a number."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


_MOST_LEVELS = 200
_MOST_VALUES = 1_000_000
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


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Quotes every string that YAML 1.1 or 1.2 would read as something else, and repeats what comes twice."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


for _name, _pattern, _first in (*_CORE, ("int", r"0o[0-7]+|0x[0-9a-fA-F]+", ["0"])):
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), _first)


def render(content: Any) -> str:
    """Return *content*, a JSON value, as YAML that reads the same in YAML 1.1, 1.2 and here."""
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


def parse(text: str | bytes) -> Any:
    """Parse *text*, YAML or JSON, with every key a string; raise YamlError, with the place if it is known."""
    try:
        _check_depth(text)
        return _as_json(yaml.load(text, _Loader), [_MOST_VALUES])  # noqa: S506  # a subclass of SafeLoader
    except YamlError:
        raise
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise YamlError(f"not YAML: {fault.problem or fault.context}{where}") from fault
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        raise YamlError(f"not YAML: {' '.join(str(fault).split())}") from fault
    except RecursionError as fault:
        raise YamlError("an anchor that contains itself") from fault
    except (AttributeError, KeyError, TypeError, ValueError) as fault:  # PyYAML's, of a value beside its tag
        raise YamlError(f"not YAML that JSON could hold: {' '.join(str(fault).split())[:200]}") from fault


def _check_depth(text: str | bytes) -> None:
    """Raise YamlError where nesting would end the process: PyYAML's parser in C recurses without a limit."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_LEVELS:
            raise YamlError(f"nested deeper than {_MOST_LEVELS} levels")


def _as_json(node: Any, left: list[int]) -> Any:
    """Return *node* with strings for keys; *left* is how many values may still come, as anchors can multiply them."""
    left[0] -= 1
    if left[0] < 0:
        raise YamlError(f"more than {_MOST_VALUES} values")
    if isinstance(node, dict):
        return {_key(key): _as_json(value, left) for key, value in node.items()}
    if isinstance(node, list):
        return [_as_json(item, left) for item in node]
    if node is None or isinstance(node, str | int | float):
        return node
    raise YamlError(f"a value of the kind '{type(node).__name__}', which JSON does not have")


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    return json.dumps(key) if key is None or isinstance(key, bool) else str(key)
