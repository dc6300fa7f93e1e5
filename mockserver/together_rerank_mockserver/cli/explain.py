"""The command `explain`: show how the mock ranks a request, and why."""

from typing import Any, BinaryIO

import click

from together_rerank_mockserver.cli import options
from together_rerank_mockserver.cli.options import COMMAND, as_json, document_options

_LONGEST_TEXT = 40


@click.command(context_settings=COMMAND)
@click.argument("request_file", metavar="[FILE]", type=click.File("rb"), default="-")
@document_options
@as_json("document")
@click.pass_context
def explain(context: click.Context, /, request_file: BinaryIO, as_json: bool, **document_options: Any) -> None:
    """Show how the mock ranks a request, and why.

    FILE has the body of a rerank request; without it, the command reads stdin.
    """
    from together_rerank_mockserver.api.body import Content, RequestParser
    from together_rerank_mockserver.api.errors import ApiError
    from together_rerank_mockserver.ranking.score import explain as explained

    document = options.settings_of(context, **document_options).document()
    try:
        request = RequestParser(document).parse(document.request_media_types[0], Content(request_file.read()))
    except ApiError as error:
        raise click.ClickException(str(error)) from error
    head = ("index", "score", "words", "parts", "pairs", "document")
    options.print_rows(explained(request), head, _evidence, as_json=as_json)


def _evidence(row: dict[str, Any]) -> tuple[str, ...]:
    parts = " ".join(f"{word}({','.join(found)})" for word, found in row["parts"].items())
    pairs = [f"{left}+{right}" for left, right in row["adjacent"]]
    pairs += [f"{left}..{right}" for left, right in row["in_order"]]
    text = " ".join(row["text"].split())
    shown = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
    words = " ".join(row["whole"]), parts, " ".join(pairs)
    return (str(row["index"]), f"{row['score']:.6f}", *(each or "-" for each in words), shown)
