"""Print the JSON Schema of the file for `serve --config`; `make config-schema` writes it into the package."""

import json
import sys
from functools import partial

import click

from together_rerank_mockserver.api.durations import DURATION
from together_rerank_mockserver.cli.options import Duration
from together_rerank_mockserver.cli.serve import serve
from together_rerank_mockserver.settings import _CHECKS

ID = (
    "https://raw.githubusercontent.com/together-rerank-kit/together-rerank-kit/main/"
    "mockserver/together_rerank_mockserver/cli/config.schema.json"
)
NUMBERS = {type(click.INT): "integer", type(click.FLOAT): "number"}


def schema():
    """Return the schema, made from the options of `serve` and the bounds of the settings."""
    options = {each.opts[-1].removeprefix("--"): each for each in serve.params}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "A configuration file of together-rerank-mock serve",
        "type": "object",
        "properties": {flag: described(each) for flag, each in options.items() if flag != "config"},
        "additionalProperties": False,
    }


def described(option):
    """Return the schema of the value of *option*, with its help and its default."""
    form = form_of(option)
    if option.multiple:
        form = {"type": "array", "items": form}
    elif option.nargs > 1:
        form = {"type": "array", "items": form, "minItems": option.nargs, "maxItems": option.nargs}
    default = {"default": option.default} if isinstance(option.default, str | int | float) else {}
    return {"description": " ".join(option.help.split()), **form, **default}


def form_of(option):
    """Return the schema of one value of *option*."""
    if option.is_flag:
        return {"type": "boolean", "default": False}
    if isinstance(option.type, click.Choice):
        return {"enum": list(option.type.choices)}
    check = _CHECKS.get(option.name)
    kind = next((kind for base, kind in NUMBERS.items() if isinstance(option.type, base)), None)
    text = {}
    if isinstance(option.type, Duration):
        kind = ["number" if float in check.args[1] else "integer", "string"]
        text = {"pattern": f"^{DURATION}$"}
    if kind is None:
        return {"type": "string"}
    of_the_type = [getattr(option.type, name, None) for name in ("min", "max")]
    bounds = check.args[-2:] if isinstance(check, partial) else of_the_type
    known = {word: bound for word, bound in zip(("minimum", "maximum"), bounds, strict=True) if bound is not None}
    return {"type": kind, **known, **text}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
