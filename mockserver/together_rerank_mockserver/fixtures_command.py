"""The command `fixtures`: the library of exchanges, for people and for other tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from together_rerank_mockserver.columns import columns
from together_rerank_mockserver.options import COMMAND, CONTEXT
from together_rerank_mockserver.readiness import PROGRAM

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
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Those in FOLDER, as when they were recorded, in the place of the library's.",
)
def export(folder: Path, form: str, source: Path | None) -> None:
    """Write the exchanges to DIR, which must be new or empty."""
    from together_rerank_fixtures import all as every
    from together_rerank_fixtures import read
    from together_rerank_fixtures.folder import write

    exchanges = read(source) if source else every()
    contents = _EXPORTS[form](exchanges, source)
    write(folder, contents)
    many = len(exchanges) if form != "openapi" else f"{_count_of_examples(exchanges)} of {len(exchanges)}"
    click.echo(f"{PROGRAM}: {many} exchanges written to {folder}", err=True)


def _as_json(exchanges: list[Exchange], source: Path | None) -> dict[str, bytes]:
    from together_rerank_fixtures.library import raw

    names = [exchange.name for exchange in exchanges]
    return {f"{name}.json": (source / f"{name}.json").read_bytes() if source else raw(name) for name in names}


def _as_wiremock(exchanges: list[Exchange], _source: Path | None) -> dict[str, bytes]:
    from together_rerank_fixtures.wiremock import files

    return files(exchanges)


def _as_openapi(exchanges: list[Exchange], _source: Path | None) -> dict[str, bytes]:
    from together_rerank_fixtures.named_examples import files

    return files(exchanges)


def _count_of_examples(exchanges: list[Exchange]) -> int:
    from together_rerank_fixtures.named_examples import is_example

    return sum(map(is_example, exchanges))


_EXPORTS: dict[str, Callable[[list[Exchange], Path | None], dict[str, bytes]]] = {
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
    return columns([head, *((r["name"], str(r["status"]), r["source"]["kind"], r["shows"]) for r in rows)])
