"""The command `spec`: print the document."""

from __future__ import annotations

from pathlib import Path

import click

from together_rerank_mockserver.options import COMMAND, document_options, settings_from


@click.command(context_settings=COMMAND)
@document_options
def spec(reading: str | None, spec: Path | None, overlay: Path | None) -> None:
    """Print the document that the mock serves, as YAML."""
    from together_rerank_spec.document import vendored_text
    from together_rerank_spec.yaml_text import render

    document = settings_from(reading, spec, overlay).document()
    click.echo(vendored_text() if reading == "vendored" else render(document.content), nl=False)
