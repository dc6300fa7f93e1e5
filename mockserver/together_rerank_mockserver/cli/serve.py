"""The command `serve`: build the settings from the options, and run a server."""

import errno
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from together_rerank_mockserver.api.errors import StateUnavailable
from together_rerank_mockserver.cli.config import read_config
from together_rerank_mockserver.cli.options import (
    COMMAND,
    Duration,
    bad_parameter,
    document_options,
    option,
    settings_of,
)
from together_rerank_mockserver.server.readiness import PROGRAM, Readiness, ServerDied
from together_rerank_mockserver.server.signals import STOP_SIGNALS
from together_rerank_mockserver.settings import JOURNAL_MAX, LIBRARY, MAX_BODY, READ_TIMEOUT_S, Settings, SettingsError

_SERVER = click.Choice(["granian", "threaded"])
_FILE = click.Path(dir_okay=False, path_type=Path)
_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
_CONFIG_HELP = "A TOML file with values for the other flags."
_FAULT = "A fault for every call, such as 429,retry_after=2."
_TIMEOUT = "Maximum seconds for a request body to arrive."
_LATENCY = "Milliseconds until an answer without a fault."
_PER_DOCUMENT = "Milliseconds that each document adds."
_LIMIT_STATUS = "Status of a request above a --max-documents, --max-document-chars or --max-tokens limit."
_CAPACITY = "Calls of a namespace that are answered at the same time; others wait.  [default: all]"
_REPLAY = "Answer recorded requests from the exchanges in DIR, or from the kit's library."


def _fault_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    from together_rerank_mockserver.faults.catalogue import Catalogue

    return [each.name for each in Catalogue(Settings().document()) if each.name.startswith(incomplete)]


@click.command(context_settings=COMMAND)
# The first option, because click gets the values of options that are not on the command line in this order. Not
# `is_eager`, because `--help` would then show the values of the file as defaults, and keys among them.
@option("--config", type=_EXISTING, metavar="FILE", expose_value=False, callback=read_config, help=_CONFIG_HELP)
@option("--host", default="127.0.0.1", help="Address to listen on.")
@option("-p", "--port", type=click.IntRange(0, 65535), default=4010, help="Port to listen on; 0 selects a free port.")
@option("--server", type=_SERVER, default="granian", help="granian is faster; threaded supports every fault.")
@option("--api-key", "api_keys", multiple=True, metavar="K", help="An accepted key, repeatable.  [default: any key]")
@option("--model", "models", multiple=True, metavar="M", help="A served model, repeatable.  [default: any model]")
@document_options
@option("--replay", is_flag=False, flag_value=LIBRARY, metavar="[DIR]", help=_REPLAY)
@option("--fault", metavar="FAULT", shell_complete=_fault_names, help=_FAULT)
@option("--chaos", multiple=True, metavar="FAULT=P", help="A fault and its probability, repeatable.")
@option("--seed", type=int, default=0, metavar="N", help="Seed of chaos, jitter and latency.")
@option("--latency", "latency_ms", type=Duration("ms"), default=0, metavar="MS", help=_LATENCY)
@option(
    "--latency-per-document",
    "latency_per_document_ms",
    type=Duration("ms"),
    default=0,
    metavar="MS",
    help=_PER_DOCUMENT,
)
@option("--latency-distribution", metavar="NAME=SPREAD", help="uniform=0.5 or lognormal=0.4, seeded.  [default: none]")
@option("--capacity", type=int, metavar="N", help=_CAPACITY)
@option("--max-documents", type=int, metavar="N", help="Maximum documents of a request.")
@option("--max-document-chars", type=int, metavar="N", help="Maximum characters of a document.")
@option("--max-tokens", type=int, metavar="N", help="Maximum tokens of a request, as `usage` counts them.")
@option("--limit-status", type=int, metavar="STATUS", help=_LIMIT_STATUS)
@option("--rate-limit", metavar="RATE", help="Answer 429 above this quota, such as 60/minute.")
@option("--max-in-flight", type=int, metavar="N", help="Answer 503 above this number of concurrent calls.")
@option(
    "--journal-max",
    type=int,
    default=JOURNAL_MAX,
    metavar="N",
    help="Maximum requests in the journal of each namespace.",
)
@option("--workers", type=int, default=1, metavar="N", help="Processes that answer; see --state.")
@option("--state", metavar="URL", help="A Redis for the state that workers and replicas share, as redis://HOST/0.")
@option("--admin-token", metavar="TOKEN", help="A token that the control plane requires.")
@option("--no-admin", is_flag=True, help="Close the control plane.")
@option("--cors", multiple=True, metavar="ORIGIN", help="An origin whose pages may read answers, repeatable.")
@option("--base-path", metavar="PATH", help="The path below which the mock answers, such as /rerank-mock.")
@option("--tls-cert", type=_EXISTING, metavar="FILE", help="The certificate for HTTPS, in PEM format.")
@option("--tls-key", type=_EXISTING, metavar="FILE", help="The key of --tls-cert, in PEM format.")
@option("--max-body", type=int, default=MAX_BODY, metavar="BYTES", help="Maximum bytes of a request body.")
@option("--read-timeout", "read_timeout_s", type=Duration("s"), default=READ_TIMEOUT_S, metavar="S", help=_TIMEOUT)
@option("--log-format", type=click.Choice(["text", "json"]), default="text", help="Format of the log lines.")
@option("-q", "--quiet", is_flag=True, help="Print no hints and no line per request.")
@option("--ready-file", type=_FILE, metavar="PATH", help="A file to write the URL to when the mock is ready.")
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
    """Serve the mock until SIGINT or SIGTERM.

    Exit status: 0 stopped by a signal, 1 the server process died, 2 invalid options or no start.
    """
    for each in STOP_SIGNALS:
        signal.signal(each, lambda *_: os._exit(0))  # until the server handles signals; there is nothing to finish yet
    settings = settings_of(context, log_format=None if quiet else log_format, **values)
    key = None if quiet or log_format == "json" else "YOUR_KEY" if settings.api_keys else "any-key"
    readiness = Readiness(as_json=log_format == "json", ready_file=ready_file, key=key)
    try:
        _check_state(settings)
        import_module(f"together_rerank_mockserver.server.{server}_server").serve(
            settings, port=port, readiness=readiness
        )
    except SettingsError as error:
        raise bad_parameter(context, error) from error
    except OSError as error:
        what = f"listen on {settings.host}:{port}"
        if error.filename:
            what = f"{'write' if error.filename == str(ready_file) else 'read'} {error.filename}"
        hint = "; choose another port with --port, or a free one with --port 0"
        hint = hint if error.errno == errno.EADDRINUSE else ""
        raise click.ClickException(f"cannot {what}: {error.strerror or error}{hint}") from error
    except UnicodeError as error:
        raise bad_parameter(context, SettingsError("host", f"'{settings.host[:100]}' is not a host name")) from error
    except ServerDied as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        sys.exit(1)


def _check_state(settings: Settings) -> None:
    """Print a warning if there is shared state that does not answer; raise SettingsError if it cannot be used."""
    if settings.state:
        try:
            settings.store().check()
        except StateUnavailable as error:
            print(f"{PROGRAM}: {error}; calls get 503 until it answers", file=sys.stderr)
