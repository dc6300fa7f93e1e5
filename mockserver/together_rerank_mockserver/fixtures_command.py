"""The command `fixtures`: the library of exchanges, for people and for other tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from together_rerank_mockserver.options import COMMAND, CONTEXT, PROGRAM

if TYPE_CHECKING:
    from together_rerank_fixtures import Exchange

_FORMATS = ("json", "wiremock", "openapi")


@click.group(context_settings=CONTEXT, invoke_without_command=True)
@click.pass_context
def fixtures(context: click.Context) -> None:
    """List, show and export the example exchanges."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@fixtures.command("list", context_settings=COMMAND)
@click.option("--status", type=click.IntRange(200, 599), metavar="N", help="Those answered with N alone.")
@click.option(
    "--json", "as_json", is_flag=True, envvar="TOGETHER_RERANK_MOCK_JSON", help="Print JSON, one object per exchange."
)
def list_(status: int | None, as_json: bool) -> None:
    """List the exchanges, with what each shows."""
    from together_rerank_fixtures import all as every

    chosen = every(status=status)
    if not chosen:
        there = ", ".join(map(str, sorted({each.response.status for each in every()})))
        raise click.BadParameter(f"no exchange is answered with {status}; there are: {there}", param_hint="--status")
    rows = [_described(exchange) for exchange in chosen]
    click.echo(json.dumps(rows, ensure_ascii=False, indent=2) if as_json else _table(rows))


@fixtures.command(context_settings=COMMAND)
@click.argument("name")
def show(name: str) -> None:
    """Print the exchange NAME as the library has it, in JSON."""
    from together_rerank_fixtures.library import raw

    try:
        click.echo(raw(name), nl=False)
    except LookupError as fault:
        raise click.ClickException(str(fault.args[0])) from fault


@fixtures.command(context_settings=COMMAND)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default="json",
    envvar="TOGETHER_RERANK_MOCK_FORMAT",
    help="The files, stubs of WireMock, or a document.",
)
def export(folder: Path, form: str) -> None:
    """Write the exchanges to DIR, which must be new or empty."""
    from together_rerank_fixtures.folder import write

    contents, told = _EXPORTS[form]()
    write(folder, contents)
    click.echo(f"{PROGRAM}: {told} written to {folder}", err=True)


def _as_json() -> tuple[dict[str, bytes], str]:
    from together_rerank_fixtures.library import names, raw

    return {f"{name}.json": raw(name) for name in names()}, f"{len(names())} exchanges"


def _as_wiremock() -> tuple[dict[str, bytes], str]:
    from together_rerank_fixtures import all as every
    from together_rerank_fixtures.wiremock import files

    contents = files(every())
    return contents, f"{len(contents)} exchanges"


def _as_openapi() -> tuple[dict[str, bytes], str]:
    from together_rerank_fixtures import all as every
    from together_rerank_fixtures.named_examples import files, is_example

    exchanges = every()
    return files(exchanges), f"{sum(map(is_example, exchanges))} of {len(exchanges)} exchanges"


_EXPORTS: dict[str, Callable[[], tuple[dict[str, bytes], str]]] = {
    "json": _as_json,
    "wiremock": _as_wiremock,
    "openapi": _as_openapi,
}


def _described(exchange: Exchange) -> dict[str, Any]:
    return {
        "name": exchange.name,
        "status": exchange.response.status,
        "source": exchange.source,
        "forced": exchange.forced,
        "broken": exchange.is_broken,
        "shows": exchange.shows,
    }


def _table(rows: list[dict[str, Any]]) -> str:
    head = ("exchange", "status", "source", "what it shows")
    lines = [head, *((r["name"], str(r["status"]), r["source"]["kind"], r["shows"]) for r in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
