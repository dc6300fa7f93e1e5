"""The command `spec`: print the document, or tell what a newer one changes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from together_rerank_mockserver.columns import columns
from together_rerank_mockserver.options import COMMAND, document_options, settings_from
from together_rerank_mockserver.settings import Settings

if TYPE_CHECKING:
    from together_rerank_spec.change import Difference

_SHOWN = 36


@click.group(context_settings=COMMAND, invoke_without_command=True, subcommand_metavar="[diff FILE]")
@document_options
@click.pass_context
def spec(context: click.Context, reading: str | None, spec: Path | None, overlay: Path | None) -> None:
    """Print the document that the mock serves, as YAML."""
    context.obj = settings_from(reading, spec, overlay)
    if context.invoked_subcommand is None:
        _print_document(context.obj, as_published=reading == "vendored")


def _print_document(settings: Settings, *, as_published: bool) -> None:
    from together_rerank_spec.document import vendored_text
    from together_rerank_spec.yaml_text import render

    click.echo(vendored_text() if as_published else render(settings.document().content), nl=False)


@spec.command(context_settings=COMMAND)
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    envvar="TOGETHER_RERANK_MOCK_JSON",
    help="Print JSON, an array with one object per difference.",
)
@click.pass_obj
def diff(settings: Settings, file: Path, as_json: bool) -> int:
    """Compare with the newer document in FILE; exit 1 when it breaks clients.

    What is compared with it is the document as published, or that of --spec; then each action of the overlay is tried
    on FILE. The options --spec, --overlay and --reading stand before `diff`.
    """
    found = _differences(settings, file)
    if as_json:
        click.echo(json.dumps([_row(each) for each in found], ensure_ascii=False, indent=2))
    else:
        click.echo(_table(found))
    return int(any(each.is_breaking for each in found))


def _differences(settings: Settings, file: Path) -> list[Difference]:
    from together_rerank_spec import load, read, read_overlay
    from together_rerank_spec.difference import differences

    newer = read(file, to_serve=False)
    if settings.spec is not None:
        overlay = None if settings.overlay is None else read_overlay(settings.overlay)
        return differences(read(settings.spec, to_serve=False), newer, overlay)
    return differences(load("vendored"), newer, read_overlay() if settings.reading == "corrected" else None)


def _row(difference: Difference) -> dict[str, Any]:
    told = asdict(difference)
    return {"verdict": "breaking" if told.pop("is_breaking") else "harmless", **told}


def _table(found: list[Difference]) -> str:
    if not found:
        return "no difference"
    head = ("verdict", "place", "was", "now", "why")
    lines = [tuple(_shown(key, value) for key, value in _row(each).items()) for each in found]
    breaking = sum(each.is_breaking for each in found)
    return f"{columns([head, *lines])}\n{breaking} breaking, {len(found) - breaking} harmless"


def _shown(column: str, value: str | None) -> str:
    text = "-" if value is None else _printable(" ".join(value.split()))
    return f"{text[:_SHOWN]}..." if column in {"was", "now"} and len(text) > _SHOWN else text


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
