"""The command `serve`: its flags, checked before anything starts."""

from __future__ import annotations

import errno
import re
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from together_rerank_mockserver.options import COMMAND, PROGRAM, document_options, settings_from
from together_rerank_mockserver.settings import JOURNAL_MAX, LIBRARY, MAX_BODY, Settings

_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")
_MOST_BODY = 1024**4
_PRINTABLE = "must be printable ASCII, and not empty"


def _is_printable(text: str) -> bool:
    return bool(text.strip()) and text.isascii() and text.isprintable()


def _keys(_context: click.Context, _option: click.Parameter, keys: tuple[str, ...]) -> tuple[str, ...]:
    if not all(map(_is_printable, keys)):
        raise click.BadParameter(f"a key {_PRINTABLE}")
    return keys


def _models(_context: click.Context, _option: click.Parameter, models: tuple[str, ...]) -> tuple[str, ...]:
    if not all(model.isprintable() and model for model in models):
        raise click.BadParameter("a model must be printable, and not empty")
    return models


def _token(_context: click.Context, _option: click.Parameter, token: str | None) -> str | None:
    if token is not None and not _is_printable(token):
        raise click.BadParameter(f"a token {_PRINTABLE}")
    return token


def _replay(_context: click.Context, _option: click.Parameter, source: str | None) -> str | None:
    if source == "":
        raise click.BadParameter(f"name a folder, or '{LIBRARY}'")
    return source


def _rate(_context: click.Context, _option: click.Parameter, rate: str | None) -> str | None:
    if rate is not None:
        from together_rerank_mockserver.quota import parse

        try:
            parse(rate)
        except ValueError as fault:
            raise click.BadParameter(str(fault)) from fault
    return rate


def _origins(_context: click.Context, _option: click.Parameter, origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise click.BadParameter(f"'{origin}' is not an origin like http://localhost:3000")
    return origins


@click.command(context_settings=COMMAND)
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("-p", "--port", type=click.IntRange(0, 65535), default=4010, help="Port; 0 takes a free one.")
@click.option(
    "--server", type=click.Choice(["granian", "threaded"]), default="granian", help="The faster, or the raw socket."
)
@click.option("--api-key", multiple=True, callback=_keys, metavar="K", help="A key to let in, repeatable.")
@click.option("--model", multiple=True, callback=_models, metavar="M", help="A model to serve, repeatable.")
@document_options
@click.option(
    "--replay",
    is_flag=False,
    flag_value=LIBRARY,
    callback=_replay,
    metavar="[DIR]",
    help="Answer as recorded in DIR, or in the kit's library, where the request is equal.",
)
@click.option("--fault", metavar="FAULT", help="What every call meets, such as 429,retry_after=2.")
@click.option("--chaos", multiple=True, metavar="FAULT=P", help="A fault and its probability, repeatable.")
@click.option("--seed", type=int, default=0, metavar="N", help="Of all that is left to chance.")
@click.option(
    "--latency", type=click.IntRange(0, 3_600_000), default=0, metavar="MS", help="How long answers are kept back."
)
@click.option("--rate-limit", callback=_rate, metavar="RATE", help="429 above it, such as 60/minute.")
@click.option("--max-in-flight", type=click.IntRange(1), metavar="N", help="503 above so many calls at once.")
@click.option("--journal-max", type=click.IntRange(0), default=JOURNAL_MAX, metavar="N", help="Requests remembered.")
@click.option("--admin-token", callback=_token, metavar="TOKEN", help="Opens the control plane, and is needed to.")
@click.option("--cors", multiple=True, callback=_origins, metavar="ORIGIN", help="Whose pages may read, repeatable.")
@click.option(
    "--max-body", type=click.IntRange(1, _MOST_BODY), default=MAX_BODY, metavar="BYTES", help="Most bytes of a body."
)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="Of the lines it writes.")
@click.option("-q", "--quiet", is_flag=True, help="No hints, and no line per request.")
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Gets the URL once it answers.",
)
def serve(
    port: int,
    server: str,
    api_key: tuple[str, ...],
    model: tuple[str, ...],
    reading: str | None,
    spec: Path | None,
    overlay: Path | None,
    latency: int,
    max_in_flight: int | None,
    log_format: str,
    quiet: bool,
    ready_file: Path | None,
    **others: Any,
) -> None:
    """Serve until interrupted."""
    from together_rerank_mockserver.announcement import Announcement
    from together_rerank_mockserver.stopping import ServerDied

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: sys.exit(0))  # until the server has handlers of its own
    settings = settings_from(
        reading,
        spec,
        overlay,
        api_keys=api_key,
        models=model,
        latency_ms=latency,
        max_in_flight=max_in_flight or 0,
        log_format=None if quiet else log_format,
        **others,
    )
    _check_faults(settings, server)
    key = None if quiet or log_format == "json" else "YOUR_KEY" if api_key else "any-key"
    announcement = Announcement(as_json=log_format == "json", ready_file=ready_file, key=key)
    try:
        import_module(f"together_rerank_mockserver.{server}_server").serve(
            settings, port=port, announcement=announcement
        )
    except OSError as fault:
        what = f"write {fault.filename}" if fault.filename else f"listen on {settings.host}:{port}"
        hint = (
            "; choose another port with --port, or a free one with --port 0" if fault.errno == errno.EADDRINUSE else ""
        )
        raise click.ClickException(f"cannot {what}: {fault.strerror or fault}{hint}") from fault
    except UnicodeError as fault:
        raise click.BadParameter(f"'{settings.host[:100]}' is no host name", param_hint="--host") from fault
    except ServerDied as fault:
        print(f"{PROGRAM}: {fault}", file=sys.stderr)
        sys.exit(1)


def _check_faults(settings: Settings, server: str) -> None:
    """Refuse faults that there are not, and tell of those that *server* can only answer with 501."""
    if settings.fault is None and not settings.chaos:
        return
    from together_rerank_mockserver.chaos import Chaos
    from together_rerank_mockserver.faults import Catalogue
    from together_rerank_mockserver.orders import BadOrder, from_text

    catalogue = Catalogue(settings.document())
    flag = "--fault"
    try:
        asked = [from_text(settings.fault, catalogue)] if settings.fault is not None else []
        flag = "--chaos"
        asked += Chaos(settings.chaos, catalogue).orders
    except BadOrder as bad:
        raise click.BadParameter(str(bad), param_hint=flag) from bad
    for order in asked:
        if order.fault.server not in (None, server):
            needed = f"--server {order.fault.server}"
            print(f"{PROGRAM}: `{order.fault.name}` will be answered with 501: it needs {needed}", file=sys.stderr)
