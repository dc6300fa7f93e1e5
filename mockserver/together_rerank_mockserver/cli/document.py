"""The commands `spec`, `faults` and `check`: print the document of a mock and its faults, and check documents."""

import sys
from pathlib import Path
from typing import Any

import click

from together_rerank_mockserver.cli import options
from together_rerank_mockserver.cli.options import COMMAND, as_json, document_options
from together_rerank_mockserver.server.readiness import PROGRAM
from together_rerank_mockserver.settings import Settings

_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(context_settings=COMMAND)
@document_options
@as_json("fault")
@click.pass_context
def faults(context: click.Context, /, as_json: bool, **document_options: Any) -> None:
    """List the faults that you can request."""
    from together_rerank_mockserver.faults.catalogue import Catalogue

    catalogue = Catalogue(options.settings_of(context, **document_options).document())
    head = ("fault", "family", "what the client gets", "which calls it applies to", "note")
    options.print_rows([fault.as_dict for fault in catalogue], head, _fault, as_json=as_json)


@click.command(context_settings=COMMAND)
@document_options
@click.pass_context
def spec(context: click.Context, /, **document_options: Any) -> None:
    """Print the OpenAPI document that the mock serves, as YAML."""
    from together_rerank_spec.document import vendored_text
    from together_rerank_spec.yaml_text import render

    settings = options.settings_of(context, **document_options)
    is_published = settings.spec is None and settings.reading == "vendored"
    click.echo(vendored_text() if is_published else render(settings.document().content), nl=False)


@click.command(context_settings=COMMAND)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_EXISTING)
def check(files: tuple[Path, ...]) -> int:
    """Check that the mock can serve each FILE: an OpenAPI document, or an overlay whose `extends` names one.

    Exit status: 0 if the mock can serve all, 1 if not.
    """
    from together_rerank_mockserver.http.wsgi import Mock
    from together_rerank_spec import DocumentError

    status = 0
    for file in files:
        try:
            operations = Mock(Settings(spec=file)).operations.root
        except DocumentError as error:
            print(f"{PROGRAM}: {error}", file=sys.stderr)
            status = 1
        else:
            click.echo(f"{file}: {', '.join(f'POST {each.routes[0]}' for each in operations)}")
    return status


def _fault(row: dict[str, Any]) -> tuple[str, ...]:
    notes = [
        "" if row.get("documented", True) else "observed, not documented",
        f"breaks the {row['breaks']}" if "breaks" in row else "",
        "" if row["server"] == "any" else f"--server {row['server']} only",
    ]
    return row["name"], row["family"], row["sentence"], row["applies"], ", ".join(filter(None, notes))
