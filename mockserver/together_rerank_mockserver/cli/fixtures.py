"""The command `fixtures`: list, show and export the library of exchanges."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from together_rerank_mockserver.cli.options import COMMAND, CONTEXT, as_json, option, print_rows
from together_rerank_mockserver.server.readiness import PROGRAM
from together_rerank_spec import TOGETHER, dialects

if TYPE_CHECKING:
    from together_rerank_fixtures import Exchange

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FORMAT = "JSON files, or one OpenAPI document with the exchanges as examples."
_dialect = option("--dialect", type=click.Choice(dialects()), default=TOGETHER, help="The API of the exchanges.")
_FROM = "Export the exchanges in FOLDER instead of the library."


@click.group(context_settings=CONTEXT, invoke_without_command=True)
@click.pass_context
def fixtures(context: click.Context) -> None:
    """List, show and export the example exchanges."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@fixtures.command("list", context_settings=COMMAND)
@option("--status", type=click.IntRange(200, 599), metavar="N", help="List only exchanges with this status.")
@_dialect
@as_json("exchange")
def list_(status: int | None, dialect: str, as_json: bool) -> None:
    """List the exchanges, and what each shows."""
    from together_rerank_fixtures import all as every

    chosen = every(status=status, dialect=dialect)
    if not chosen:
        there = ", ".join(map(str, sorted({each.response.status for each in every(dialect=dialect)})))
        raise click.BadParameter(f"no exchange has the status {status}; known: {there}", param_hint="--status")
    head = ("exchange", "status", "source", "what it shows")
    print_rows([_described(exchange) for exchange in chosen], head, _cells, as_json=as_json)


@fixtures.command(context_settings=COMMAND)
@click.argument("name")
def show(name: str) -> None:
    """Print the exchange NAME as JSON, as in the library."""
    from together_rerank_fixtures.library import raw

    try:
        click.echo(raw(name), nl=False)
    except LookupError as error:
        raise click.ClickException(str(error.args[0])) from error


@fixtures.command(context_settings=COMMAND)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@option("--format", "form", type=click.Choice(["json", "openapi"]), default="json", help=_FORMAT)
@_dialect
@option("--from", "source", type=_FOLDER, metavar="FOLDER", help=_FROM)
def export(folder: Path, form: str, dialect: str, source: Path | None) -> None:
    """Write the exchanges to DIR, a new or empty folder."""
    if dialect != TOGETHER and (form == "openapi" or source):
        problem = f"cannot be combined with {'--from' if source else '--format openapi'}"
        raise click.BadParameter(problem, param_hint="--dialect")
    from together_rerank_fixtures import all as every
    from together_rerank_fixtures import named_examples, read
    from together_rerank_fixtures.folder import write
    from together_rerank_fixtures.library import raw

    exchanges = read(source) if source else every(dialect=dialect)
    if form == "openapi":
        contents = named_examples.files(exchanges)
        many = f"{sum(map(named_examples.is_example, exchanges))} of {len(exchanges)}"
    else:
        names = [exchange.name for exchange in exchanges]
        contents = {f"{name}.json": (source / f"{name}.json").read_bytes() if source else raw(name) for name in names}
        many = str(len(exchanges))
    write(folder, contents)
    click.echo(f"{PROGRAM}: {many} exchanges written to {folder}", err=True)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return row["name"], str(row["status"]), row["source"]["kind"], row["shows"]


def _described(exchange: Exchange) -> dict[str, Any]:
    return {
        "name": exchange.name,
        "status": exchange.response.status,
        "source": exchange.source,
        "forced": exchange.forced,
        "broken": exchange.is_broken,
        "shows": exchange.shows,
    }
