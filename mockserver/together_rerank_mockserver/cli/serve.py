"""The command `serve`: parse the options, build the settings and run a server."""

import errno
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from together_rerank_mockserver.cli.options import COMMAND, document_options, option, refused, settings_of
from together_rerank_mockserver.server.readiness import PROGRAM, Readiness, ServerDied
from together_rerank_mockserver.server.signals import STOP_SIGNALS
from together_rerank_mockserver.settings import JOURNAL_MAX, LIBRARY, MAX_BODY, READ_TIMEOUT_S, SettingsError

_SERVER = click.Choice(["granian", "threaded"])
_FILE = click.Path(dir_okay=False, path_type=Path)
_TIMEOUT = "The seconds in which a request body must arrive."
_REPLAY = "Answer as recorded in DIR, or in the kit's library, where the request is equal."


@click.command(context_settings=COMMAND)
@option("--host", default="127.0.0.1", help="Address to listen on.")
@option("-p", "--port", type=click.IntRange(0, 65535), default=4010, help="Port; 0 takes a free one.")
@option("--server", type=_SERVER, default="granian", help="granian is faster; threaded has every fault.")
@option("--api-key", "api_keys", multiple=True, metavar="K", help="A key that is accepted, repeatable.")
@option("--model", "models", multiple=True, metavar="M", help="A model to serve, repeatable.")
@document_options
@option("--replay", is_flag=False, flag_value=LIBRARY, metavar="[DIR]", help=_REPLAY)
@option("--fault", metavar="FAULT", help="A fault for every call, such as 429,retry_after=2.")
@option("--chaos", multiple=True, metavar="FAULT=P", help="A fault and its probability, repeatable.")
@option("--seed", type=int, default=0, metavar="N", help="Seed of chaos and jitter.")
@option("--latency", "latency_ms", type=int, default=0, metavar="MS", help="Delay of each answer.")
@option("--rate-limit", metavar="RATE", help="429 above it, such as 60/minute.")
@option("--max-in-flight", type=int, metavar="N", help="503 above so many calls at once.")
@option("--journal-max", type=int, default=JOURNAL_MAX, metavar="N", help="Requests that the journal keeps.")
@option("--admin-token", metavar="TOKEN", help="The token that the control plane then requires.")
@option("--cors", multiple=True, metavar="ORIGIN", help="An origin whose pages may read answers, repeatable.")
@option("--max-body", type=int, default=MAX_BODY, metavar="BYTES", help="The most bytes of a request body.")
@option("--read-timeout", "read_timeout_s", type=int, default=READ_TIMEOUT_S, metavar="S", help=_TIMEOUT)
@option("--log-format", type=click.Choice(["text", "json"]), default="text", help="The form of the log lines.")
@option("-q", "--quiet", is_flag=True, help="No hints, and no line per request.")
@option("--ready-file", type=_FILE, metavar="PATH", help="The file to write the URL to when ready.")
@click.pass_context
def serve(
    context: click.Context,
    /,
    port: int,
    server: str,
    log_format: str,
    quiet: bool,
    ready_file: Path | None,
    **values: Any,
) -> None:
    """Serve until interrupted."""
    for each in STOP_SIGNALS:
        signal.signal(each, lambda *_: os._exit(0))  # until the server can stop; nothing is there yet to be finished
    settings = settings_of(context, log_format=None if quiet else log_format, **values)
    key = None if quiet or log_format == "json" else "YOUR_KEY" if settings.api_keys else "any-key"
    readiness = Readiness(as_json=log_format == "json", ready_file=ready_file, key=key)
    try:
        import_module(f"together_rerank_mockserver.server.{server}_server").serve(
            settings, port=port, readiness=readiness
        )
    except SettingsError as bad:
        raise refused(context, bad) from bad
    except OSError as fault:
        what = f"write {fault.filename}" if fault.filename else f"listen on {settings.host}:{port}"
        hint = "; choose another port with --port, or a free one with --port 0"
        hint = hint if fault.errno == errno.EADDRINUSE else ""
        raise click.ClickException(f"cannot {what}: {fault.strerror or fault}{hint}") from fault
    except UnicodeError as fault:
        raise click.BadParameter(f"'{settings.host[:100]}' is no host name", param_hint="--host") from fault
    except ServerDied as fault:
        print(f"{PROGRAM}: {fault}", file=sys.stderr)
        sys.exit(1)
