"""Options that several commands share, and their environment variables."""

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from together_rerank_mockserver.api.durations import Unit, duration
from together_rerank_mockserver.settings import Settings, SettingsError
from together_rerank_spec import READINGS, TOGETHER, dialects
from together_rerank_spec.urls import base_of

PREFIX = "TOGETHER_RERANK_MOCK"
CONTEXT = {"help_option_names": ["-h", "--help"]}
COMMAND = {**CONTEXT, "show_default": True}


class Duration(click.ParamType):  # type: ignore[type-arg]  # older versions of click have no arguments
    """A number of *unit*, "ms" or "s", or text with a unit, such as 250ms or 2s; read as a number of *unit*."""

    name = "duration"

    def __init__(self, unit: Unit) -> None:
        self.unit = unit

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        if (number := duration(value, self.unit)) is not None:
            return number
        for kind in (int, float):
            with suppress(ValueError):
                return kind(value)
        unit = "milliseconds" if self.unit == "ms" else "seconds"
        message = f"must be a number ({unit}), or text such as 250ms or 2s, not {value[:100]!r}"
        raise click.BadParameter(message, ctx, param)


def option(*names: str, **attributes: Any) -> Callable[[Any], Any]:
    """Return a decorator that adds an option; the environment variable TOGETHER_RERANK_MOCK_<FLAG> sets it, too."""
    flag = next(name for name in names if name.startswith("--"))
    return click.option(*names, envvar=f"{PREFIX}_{flag[2:].replace('-', '_').upper()}", **attributes)


def as_json(what: str) -> Callable[[Any], Any]:
    return option("--json", "as_json", is_flag=True, help=f"Print JSON, one object per {what}.")


def url_argument(command: Any) -> Any:
    """Add the argument URL: the base URL of a mock, without a `/v1` at its end."""

    def parsed(_: click.Context, __: click.Parameter, url: str) -> str:
        try:
            return base_of(url)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return click.argument("url", callback=parsed)(command)


def document_options(command: Any) -> Any:
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    reading = "The vendored document with the corrections of the kit, or as published."
    operation = "The operation of --spec to serve.  [default: every one with x-rerank]"
    command = option("--operation", nargs=2, metavar="METHOD PATH", help=operation)(command)
    name = "The API to serve at the root; the others are below their names."
    command = option("--dialect", type=click.Choice(dialects()), default=TOGETHER, help=name)(command)
    command = option("--overlay", type=file, help="An OpenAPI Overlay to apply to --spec.")(command)
    command = option("--spec", type=file, help="An OpenAPI document to serve instead of the vendored one.")(command)
    return option("--reading", type=click.Choice(READINGS), default=READINGS[0], help=reading)(command)


def settings_of(context: click.Context, **values: Any) -> Settings:
    """Return the settings with *values*, the options of *context*; raise BadParameter if one is invalid."""
    try:
        return Settings(**values)
    except SettingsError as error:
        raise bad_parameter(context, error) from error


def bad_parameter(context: click.Context, error: SettingsError) -> click.BadParameter:
    """Return *error* as an error of click, which names the flag instead of the field."""
    options = {str(each.name): each for each in context.command.params}
    flags = {f"`{name}`": each.opts[-1] for name, each in options.items()}
    problem = re.sub("`[a-z_]+`", lambda found: flags.get(found[0], found[0]), error.problem)
    return click.BadParameter(problem, context, options[error.field], param_hint=options[error.field].opts[-1])


def print_rows(
    rows: list[dict[str, Any]],
    head: Sequence[str],
    cells: Callable[[dict[str, Any]], Sequence[str]],
    *,
    as_json: bool,
) -> None:
    """Print *rows* as JSON, or as a table with the header *head* and the *cells* of each row."""
    click.echo(json.dumps(rows, ensure_ascii=False, indent=2) if as_json else format_table([head, *map(cells, rows)]))


def format_table(lines: Sequence[Sequence[str]]) -> str:
    """Return *lines* of cells as text with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (zip(line, widths, strict=True) for line in lines)
    return "\n".join("  ".join(cell.ljust(width) for cell, width in line).rstrip() for line in padded)
