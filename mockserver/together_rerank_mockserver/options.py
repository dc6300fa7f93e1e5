"""Options that commands share: which document they are about, and what they are called in the environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from together_rerank_mockserver.settings import Settings
from together_rerank_spec import READINGS

PROGRAM = "together-rerank-mock"
CONTEXT = {"help_option_names": ["-h", "--help"]}
# Every flag is also TOGETHER_RERANK_MOCK_<FLAG>, whichever command it belongs to.
COMMAND = {**CONTEXT, "auto_envvar_prefix": "TOGETHER_RERANK_MOCK", "show_default": True}


def document_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options `reading`, `spec` and `overlay`."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    for option in (
        click.option("--overlay", type=file, help="OpenAPI Overlay to apply to --spec."),
        click.option("--spec", type=file, help="OpenAPI 3.1 document in place of the vendored one."),
        click.option(
            "--reading",
            type=click.Choice(READINGS),
            help="The vendored document as the kit corrects it (the default), or as it stands.",
        ),
    ):
        command = option(command)
    return command


def settings_from(reading: str | None, spec: Path | None, overlay: Path | None, **others: Any) -> Settings:
    """Return the settings for one document, with *others*.

    Raises:
        UsageError: the options contradict each other.
    """
    if reading and spec:
        raise click.UsageError("--reading is of the vendored document; with --spec the file is read as it stands")
    if overlay and not spec:
        raise click.UsageError("--overlay belongs to --spec; the vendored document has an overlay of its own")
    return Settings(reading=reading or "corrected", spec=spec, overlay=overlay, **others)
