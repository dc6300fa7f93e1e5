"""The command `matrix`: judge several endpoints, and write one page about all of them."""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from together_rerank_contract_tests import PROGRAM
from together_rerank_contract_tests.cli import options, output
from together_rerank_contract_tests.cli.json_report import read_report
from together_rerank_contract_tests.client.exchange import printable
from together_rerank_contract_tests.report.matrix import Column
from together_rerank_contract_tests.report.matrix import matrix as page
from together_rerank_contract_tests.settings import Settings
from together_rerank_spec.progress_line import ProgressLine
from together_rerank_spec.toml_text import read_toml

# Options of the command that a table cannot have: the page needs the report, and these two judge nothing.
_NOT_IN_A_TABLE = ("json", "list", "version")
_MAX_FILE_NAME = 100
_COULD_NOT_JUDGE = 3


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """An endpoint to judge, with the arguments of the command."""

    name: str
    url: str
    arguments: tuple[str, ...]


@click.command(context_settings=options.CONTEXT)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--html", type=options.FILE, required=True, metavar="F", help="Write the page to F.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the JSON report of each endpoint that is judged in DIR.",
)
@click.option("--dialect", metavar="NAME", help="The API that each SOURCE that is a URL speaks.")
@click.option("--model", metavar="M", help="The model of each SOURCE that is a URL.")
@click.option(
    "--api-key-env", metavar="NAME", help="The environment variable with the key of each SOURCE that is a URL."
)
@click.pass_obj
def matrix(
    judge: click.Command,
    /,
    sources: tuple[str, ...],
    html: Path,
    keep: Path | None,
    **options_of_urls: str | None,
) -> int:
    """Judge several endpoints, and write a page with a row for each requirement and a column for each endpoint.

    A SOURCE is a URL, a report that --json wrote, or a TOML file, which has a table of options for each endpoint.

    Exit status: 0 every endpoint keeps the contract, 1 one does not, 2 invalid arguments or a file cannot be written,
    3 one could not be judged, 70 internal error of the kit, 130 interrupted.
    """
    given = {name.replace("_", "-"): value for name, value in options_of_urls.items() if value is not None}
    try:
        found = [each for source in sources for each in _read(source, given, judge)]
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    found = [replace(each, name=name) for each, name in zip(found, _unique(each.name for each in found), strict=True)]
    output.check_file(html)
    try:
        if keep:
            keep.mkdir(exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"{keep}: {error.strerror}") from error
    width = max(len(printable(each.name)) for each in found)
    file_names = _unique(re.sub(r"[^\w.-]+", "-", each.name)[:_MAX_FILE_NAME] for each in found)
    columns, errors = [], []
    for number, (each, file_name) in enumerate(zip(found, file_names, strict=True), start=1):
        column, text = (each, "") if isinstance(each, Column) else _judge(each, f"{number} of {len(found)}")
        output.show(f"{printable(each.name):<{width}}  {printable(column.verdict_line)}\n")
        columns.append(column)
        if keep and text:
            errors.append(output.write_file(keep / f"{file_name}.json", text))
    errors.append(output.write_file(html, page(columns)))
    if any(errors):
        raise click.UsageError(next(filter(None, errors)))
    statuses = {each.verdict["status"] for each in columns}
    return 1 if 1 in statuses else _COULD_NOT_JUDGE if statuses != {0} else 0


def _read(source: str, given: dict[str, str], judge: click.Command) -> Iterator[Column | _Endpoint]:
    """Yield what the argument *source* means; raise ValueError or UsageError if it is invalid."""
    if "://" in source:
        yield _endpoint(judge, {"url": source, **given})
    elif source.endswith(".toml"):
        tables = read_toml(Path(source))
        if not tables:
            raise ValueError(f"{source}: it has no table; add one for each endpoint")
        for name, table in tables.items():
            try:
                yield replace(_endpoint(judge, table), name=name)
            except ValueError as error:
                raise ValueError(f"{source}: [{name}]: {error}") from error
    else:
        report = read_report(Path(source))
        yield Column(Path(source).stem, report["endpoint"], report["verdict"], report)


def _endpoint(judge: click.Command, table: Any) -> _Endpoint:
    """Return the endpoint of *table*, whose keys are options of *judge*; raise ValueError if it is invalid."""
    accepted = {name: each for each in judge.params if (name := each.opts[-1].lstrip("-")) not in _NOT_IN_A_TABLE}
    if not isinstance(table, dict):
        raise ValueError("must be a table with `url` and other options")
    for name in table:
        if name not in accepted:
            raise ValueError(f"`{name}` is not an option; the options are {', '.join(accepted)}")
    if "url" not in table:
        raise ValueError("`url` is missing")
    arguments = [part for name, value in table.items() for part in _arguments(name, accepted[name], value)]
    url = Settings(table["url"]).url  # without the query, which may be a secret
    try:
        context = judge.make_context(PROGRAM, [*arguments])
    except click.UsageError as error:
        raise ValueError(error.format_message()) from error
    Settings(url, **{name: context.params[name] for name in ("dialect", "overlay", "model", "reading")})
    return _Endpoint(url.partition("://")[2], url, tuple(arguments))


def _arguments(name: str, option: click.Parameter, value: Any) -> list[str]:
    """Return *value* as arguments of the command; raise ValueError if its type is not that of *option*."""
    is_flag = isinstance(option, click.Option) and option.is_flag
    is_number = isinstance(option.type, click.IntRange | click.FloatRange)
    kind = bool if is_flag else int | float if is_number else str
    values = value if option.multiple else [value]
    # A Boolean is an integer, too.
    if not isinstance(values, list) or not all(
        isinstance(each, kind) and isinstance(each, bool) == is_flag for each in values
    ):
        wanted = "number" if is_number else "string"
        form = "true or false" if is_flag else f"a list of {wanted}s" if option.multiple else f"a {wanted}"
        raise ValueError(f"`{name}` must be {form}")
    flag = option.opts[-1:] if isinstance(option, click.Option) else []
    if is_flag:
        return flag if value else []
    return [part for each in values for part in (*flag, str(each))]


def _unique(names: Iterable[str]) -> Iterator[str]:
    """Yield *names*, with a number behind those that occurred before."""
    counts: Counter[str] = Counter()
    for name in names:
        counts[name] += 1
        yield name if counts[name] == 1 else f"{name} ({counts[name]})"


def _judge(endpoint: _Endpoint, place: str) -> tuple[Column, str]:
    """Judge *endpoint* in a process of its own; return its column, and the text of the report, "" if there is none."""
    line = ProgressLine(lambda: (f"judging {printable(endpoint.name)}, {place}", 0))
    with line, tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.json")
        # -P: no module of the current folder
        start = [sys.executable, "-P", "-c", f"from {__package__} import main; main()"]
        ran = subprocess.run(  # noqa: S603  # this interpreter
            [*start, *endpoint.arguments, "--json", str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if path.exists():
            report = read_report(path)
            column = Column(endpoint.name, report["endpoint"], report["verdict"], report)
            return column, path.read_text(encoding="utf-8")
    lines = ran.stderr.decode(errors="replace").split("\n")
    reason = next((line for line in reversed(lines) if line), f"exit status {ran.returncode}")
    verdict = {
        "text": "could not be judged",
        "status": _COULD_NOT_JUDGE,
        "reason": reason.removeprefix(f"{PROGRAM}: "),
    }
    return Column(endpoint.name, endpoint.url, verdict), ""
