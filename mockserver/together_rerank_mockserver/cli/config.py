"""The configuration file of `serve`: flags and their values in TOML."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from together_rerank_mockserver.settings import LIBRARY
from together_rerank_spec.validation import Validator


def read_config(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Use the values in the file *path* for the options that neither a flag nor a variable sets; a callback of click.

    The path is then in `context.obj`. Raises BadParameter if the file is invalid.
    """
    from together_rerank_spec.toml_text import read_toml

    if path is None:
        return
    try:
        content = read_toml(path)
        _check(path, content)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    by_flag = {each.opts[-1].removeprefix("--"): each for each in context.command.params}
    context.obj = path
    context.default_map = {
        str(by_flag[flag].name): _resolved(by_flag[flag], value, path.parent) for flag, value in content.items()
    }


def _check(path: Path, content: dict[str, Any]) -> None:
    schema = files("together_rerank_mockserver").joinpath("cli/config.schema.json").read_bytes()
    validator = Validator(json.loads(schema))
    for flag, value in content.items():
        try:
            violations = validator.violations({flag: value}, most=1)
        except ValueError as error:  # JSON has no dates
            raise ValueError(f"{path}: `{flag}` must not be a date or a time") from error
        if violations:
            raise ValueError(f"{path}: `{violations[0].pointer[1:] or flag}` {violations[0].message}")


def _resolved(option: click.Parameter, value: Any, folder: Path) -> Any:
    """Return *value*; a relative path starts at *folder*, the folder of the file."""
    is_path = isinstance(option.type, click.Path) or (option.name == "replay" and value != LIBRARY)
    return folder / value if is_path else value
