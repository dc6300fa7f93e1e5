"""Read and write YAML as OpenAPI uses it: JSON values only. A date stays a string; the key `200` becomes one."""

import json
import re
from typing import Any, ClassVar

import yaml


class YamlError(ValueError):
    """The text is not YAML, or its value cannot be written as JSON; the message is one line."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads the core schema of YAML 1.2. PyYAML reads YAML 1.1, in which `no` is a boolean and 12:30 a number."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


_MAX_LEVELS = 200
_MAX_VALUES = 1_000_000
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
    """Quotes each string that YAML 1.1 or 1.2 would read as another type, and writes no anchors or aliases."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


for _name, _pattern, _first in (*_CORE, ("int", r"0o[0-7]+|0x[0-9a-fA-F]+", ["0"])):
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), _first)


def render(content: Any) -> str:
    """Return *content*, a JSON value, as YAML that has the same value in YAML 1.1, in YAML 1.2 and for `parse`."""
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


def parse(text: str | bytes) -> Any:
    """Parse *text*, YAML or JSON, with every key a string; raise YamlError, with line and column if they are known."""
    try:
        _check_depth(text)
        return _as_json(yaml.load(text, _Loader), [_MAX_VALUES])  # noqa: S506  # a subclass of SafeLoader
    except YamlError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise YamlError(f"not YAML: {error.problem or error.context}{where}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise YamlError(f"not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise YamlError("an anchor contains itself") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # PyYAML: a value does not fit its tag
        raise YamlError(f"not YAML that JSON can represent: {' '.join(str(error).split())[:200]}") from error


def _check_depth(text: str | bytes) -> None:
    """Raise YamlError if *text* is nested too deep: PyYAML's parser in C recurses without a limit and would crash."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_LEVELS:
            raise YamlError(f"nested deeper than {_MAX_LEVELS} levels")


def _as_json(node: Any, left: list[int]) -> Any:
    """Return *node* with strings as keys.

    *left* holds the number of values that are still allowed, because anchors can multiply values.
    """
    left[0] -= 1
    if left[0] < 0:
        raise YamlError(f"more than {_MAX_VALUES} values")
    if isinstance(node, dict):
        return {_key(key): _as_json(value, left) for key, value in node.items()}
    if isinstance(node, list):
        return [_as_json(item, left) for item in node]
    if node is None or isinstance(node, str | int | float):
        return node
    raise YamlError(f"a value of type '{type(node).__name__}', which JSON does not have")


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    return json.dumps(key) if key is None or isinstance(key, bool) else str(key)
