"""The commands `spec` and `faults`: print the document of a mock, and its faults."""

from typing import Any

import click

from together_rerank_mockserver.cli import options
from together_rerank_mockserver.cli.options import COMMAND, as_json, document_options


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


def _fault(row: dict[str, Any]) -> tuple[str, ...]:
    notes = [
        "" if row.get("documented", True) else "observed, not documented",
        f"breaks the {row['breaks']}" if "breaks" in row else "",
        "" if row["server"] == "any" else f"--server {row['server']} only",
    ]
    return row["name"], row["family"], row["sentence"], row["applies"], ", ".join(filter(None, notes))
