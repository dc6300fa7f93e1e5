"""The command `spec`: print the document that the mock serves."""

from __future__ import annotations

from typing import Any

import click

from together_rerank_mockserver.options import COMMAND, document_options, settings_of


@click.command(context_settings=COMMAND)
@document_options
@click.pass_context
def spec(context: click.Context, /, **document_options: Any) -> None:
    """Print the document that the mock serves, as YAML."""
    from together_rerank_spec.document import vendored_text
    from together_rerank_spec.yaml_text import render

    settings = settings_of(context, **document_options)
    is_published = settings.spec is None and settings.reading == "vendored"
    click.echo(vendored_text() if is_published else render(settings.document().content), nl=False)
