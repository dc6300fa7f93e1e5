"""The options that all commands share: the endpoint, and the limits on what is sent and read."""

import math
from collections.abc import Callable, Iterable
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from together_rerank_contract_tests.settings import AUTO, Settings, header_of, key_for, seconds_between
from together_rerank_spec import TOGETHER, dialects

CONTEXT = {"help_option_names": ["-h", "--help"], "show_default": True}
FILE = click.Path(dir_okay=False, path_type=Path)
_COUNT = click.IntRange(min=1)
_SECONDS = click.FloatRange(min=0, min_open=True, max=3600)
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _finite(_context: click.Context, _option: click.Parameter, seconds: float) -> float:
    if not math.isfinite(seconds):
        raise click.BadParameter(f"{seconds} is not a number of seconds")
    return seconds


# The API that an endpoint to judge speaks.
DIALECT = (
    click.option(
        "--dialect",
        metavar="NAME",
        default=TOGETHER,
        help=f"The API that the endpoint speaks: {', '.join(dialects())}, {AUTO}, or the file of an OpenAPI document.",
    ),
    click.option("--overlay", type=FILE, metavar="FILE", help="An OpenAPI overlay for the document in --dialect."),
)
ENDPOINT = (
    click.argument("url"),
    click.option("--model", metavar="M", help="The model that every request names.  [default: the document's example]"),
    click.option("--api-key-env", metavar="NAME", help="The environment variable that holds the key."),
    click.option(
        "--header",
        "headers",
        multiple=True,
        metavar="NAME=VALUE",
        help="A header of every request; its value is never shown; repeatable.",
    ),
    click.option("--cacert", type=FILE, metavar="FILE", help="Trust the certificates in FILE, which is in PEM format."),
    click.option("--live", is_flag=True, help="Allow requests to the hosts of real APIs, which cost money."),
)
LIMITS = (
    click.option("--max-requests", type=_COUNT, metavar="N", help="Send at most N requests."),
    click.option("--max-tokens", type=_COUNT, metavar="N", help="Use at most N tokens."),
    click.option(
        "--max-time",
        "max_time_s",
        type=click.FloatRange(min=0, min_open=True),
        default=900.0,
        metavar="S",
        callback=_finite,
        help="Send nothing after S seconds.",
    ),
    click.option("--rate", metavar="RATE", help="The highest rate of requests, e.g. 5/s or 60/minute."),
    click.option(
        "--timeout",
        "timeout_s",
        type=_SECONDS,
        default=30.0,
        metavar="S",
        callback=_finite,
        help="The time limit for one response, in seconds.",
    ),
    click.option(
        "--retries",
        type=click.IntRange(min=0),
        default=3,
        metavar="N",
        help="How often to retry if the endpoint is busy or a connection ends early.",
    ),
    click.option(
        "--wait",
        "wait_s",
        type=click.FloatRange(min=0),
        default=0.0,
        metavar="S",
        callback=_finite,
        help="Wait at most S seconds until the endpoint is ready.",
    ),
    click.option(
        "--max-response",
        "max_response_bytes",
        type=_COUNT,
        default=8 * 1024 * 1024,
        metavar="BYTES",
        help="The most bytes of a response to read.",
    ),
)


def add_options(options: tuple[Any, ...]) -> Callable[[_Command], _Command]:
    """Return a decorator that adds *options* to a command; the help lists them in this sequence."""
    return lambda command: reduce(lambda decorated, option: option(decorated), reversed(options), command)


def build_settings(
    url: str,
    *,
    api_key_env: str | None,
    headers: Iterable[str],
    rate: str | None,
    sends: bool = True,
    **options: Any,
) -> Settings:
    """Return the settings from the options; read the key only if *sends*. Raise UsageError if an option is invalid."""
    try:
        Path.cwd()
    except OSError as error:
        raise click.UsageError("the current folder does not exist any more") from error
    try:
        key, key_name = key_for(url, api_key_env) if sends else (None, "")
        between = seconds_between(rate) if rate else 0.0
        pairs = tuple(map(header_of, headers))
        return Settings(url, key=key, key_name=key_name, headers=pairs, seconds_between=between, **options)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
