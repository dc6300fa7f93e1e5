"""The command `together-rerank-mock`: parse, start, hand over."""

from __future__ import annotations

import errno
import json
import math
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from together_rerank_mockserver.settings import MAX_BODY, Settings
from together_rerank_spec import READINGS

PROGRAM = "together-rerank-mock"
_CONTEXT = {"help_option_names": ["-h", "--help"]}
# Every flag is also TOGETHER_RERANK_MOCK_<FLAG>, whichever command it belongs to.
_COMMAND = {**_CONTEXT, "auto_envvar_prefix": "TOGETHER_RERANK_MOCK", "show_default": True}


def main() -> NoReturn:
    """Run the command; exit 0 done, 1 not in time, 2 not understood or not started: one line says why."""
    try:
        sys.exit(commands.main(prog_name=PROGRAM, standalone_mode=False) or 0)
    except click.ClickException as fault:
        _fail(fault.format_message() + _origin(fault))
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except (OSError, ValueError) as fault:
        _fail(str(fault))


def _origin(fault: click.ClickException) -> str:
    """Name the environment variable that a bad value came from; click says the flag alone."""
    option, context = getattr(fault, "param", None), getattr(fault, "ctx", None)
    if (
        option is None
        or context is None
        or context.get_parameter_source(option.name) is not ParameterSource.ENVIRONMENT
    ):
        return ""
    return f" (from {option.envvar or f'{context.auto_envvar_prefix}_{option.name.upper()}'})"


def _fail(message: str) -> NoReturn:
    print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


@click.group(context_settings=_CONTEXT, invoke_without_command=True)
@click.version_option(package_name="together-rerank-kit", prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> None:
    """A mock of Together AI's POST /v1/rerank."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _document_options(command: Callable[..., Any]) -> Callable[..., Any]:
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


@commands.command(context_settings=_COMMAND)
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("-p", "--port", type=click.IntRange(0, 65535), default=4010, help="Port; 0 takes a free one.")
@click.option("--api-key", multiple=True, metavar="K", help="A key to let in, repeatable; none given lets in any.")
@click.option("--model", multiple=True, metavar="M", help="A model to serve, repeatable; none given serves any.")
@_document_options
@click.option("--max-body", type=click.IntRange(min=1), default=MAX_BODY, metavar="BYTES", help="Most bytes of a body.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="Of the lines it writes.")
@click.option("-q", "--quiet", is_flag=True, help="No hints, and no line per request.")
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Gets the URL once it answers.",
)
def serve(
    host: str,
    port: int,
    api_key: tuple[str, ...],
    model: tuple[str, ...],
    reading: str | None,
    spec: Path | None,
    overlay: Path | None,
    max_body: int,
    log_format: str,
    quiet: bool,
    ready_file: Path | None,
) -> None:
    """Serve until interrupted."""
    if not all(key.strip() and key.isascii() and key.isprintable() for key in api_key):
        raise click.BadParameter("a key must be printable ASCII, and not empty", param_hint="--api-key")
    if "" in model:
        raise click.BadParameter("a model cannot be empty", param_hint="--model")
    from together_rerank_mockserver import server

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: sys.exit(0))  # until the server has handlers of its own
    settings = _settings(
        reading,
        spec,
        overlay,
        api_keys=api_key,
        models=model,
        max_body=max_body,
        log_format=None if quiet else log_format,
    )
    key = None if quiet or log_format == "json" else "YOUR_KEY" if api_key else "any-key"
    announcement = server.Announcement(as_json=log_format == "json", ready_file=ready_file, key=key)
    try:
        server.serve(settings, host=host, port=port, announcement=announcement)
    except OSError as fault:
        what = f"write {fault.filename}" if fault.filename else f"listen on {host}:{port}"
        hint = (
            "; choose another port with --port, or a free one with --port 0" if fault.errno == errno.EADDRINUSE else ""
        )
        raise click.ClickException(f"cannot {what}: {fault.strerror or fault}{hint}") from fault
    except server.ServerDied as fault:
        print(f"{PROGRAM}: {fault}", file=sys.stderr)
        sys.exit(1)


@commands.command(context_settings=_COMMAND)
@click.argument("url")
@click.option("--timeout", type=click.FloatRange(min=0), default=10.0, metavar="S", help="Seconds to wait.")
def wait(url: str, timeout: float) -> int:
    """Wait until the mock at URL answers; exit 1 when it does not in time."""
    from together_rerank_mockserver.server import is_healthy

    base = _base(url)
    if not math.isfinite(timeout):
        raise click.BadParameter(f"'{timeout}' is not a number of seconds", param_hint="--timeout")
    deadline = time.monotonic() + timeout
    while not is_healthy(base):
        if time.monotonic() >= deadline:
            print(f"{PROGRAM}: nothing healthy at {url} within {timeout:g} s", file=sys.stderr)
            return 1
        time.sleep(0.02)
    return 0


@commands.command(context_settings=_COMMAND)
@click.argument("request_file", metavar="[FILE]", type=click.File("rb"), default="-")
@_document_options
@click.option(
    "--json", "as_json", is_flag=True, envvar="TOGETHER_RERANK_MOCK_JSON", help="Print JSON, one object per document."
)
def explain(
    request_file: BinaryIO, reading: str | None, spec: Path | None, overlay: Path | None, as_json: bool
) -> None:
    """Show how the mock ranks the rerank request in FILE, or on stdin, and why."""
    from together_rerank_mockserver import explanation
    from together_rerank_mockserver.errors import ApiError
    from together_rerank_mockserver.request import RequestParser

    document = _settings(reading, spec, overlay).document()
    raw = request_file.read()
    try:
        request = RequestParser(document).parse(document.request_media_types[0], raw)
    except ApiError as error:
        raise click.ClickException(str(error)) from error
    rows = explanation.explain(raw, request)
    click.echo(json.dumps(rows, ensure_ascii=False, indent=2) if as_json else explanation.table(rows))


@commands.command(context_settings=_COMMAND)
@_document_options
def spec(reading: str | None, spec: Path | None, overlay: Path | None) -> None:
    """Print the document that the mock serves, as YAML."""
    import yaml

    from together_rerank_spec.document import vendored_text

    if reading == "vendored" and spec is None:
        click.echo(vendored_text(), nl=False)
        return
    content = _settings(reading, spec, overlay).document().content
    click.echo(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120), nl=False)


def _base(url: str) -> str:
    """Return scheme, host and port of *url*."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and url.isprintable() and " " not in url:
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port is not None else "")
    except ValueError:
        pass
    raise click.BadParameter(f"'{url}' is not a URL like http://127.0.0.1:4010", param_hint="URL")


def _settings(reading: str | None, spec: Path | None, overlay: Path | None, **others: Any) -> Settings:
    if reading and spec:
        raise click.UsageError("--reading is of the vendored document; with --spec the file is read as it stands")
    if overlay and not spec:
        raise click.UsageError("--overlay belongs to --spec; the vendored document has an overlay of its own")
    return Settings(reading=reading or "corrected", spec=spec, overlay=overlay, **others)
