"""Read a report that --json wrote."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import jsonschema

from together_rerank_contract_tests.client.exchange import excerpt

_MAX_SHOWN = 200


def read_report(path: Path) -> dict[str, Any]:
    """Return the report in the file *path*; raise UsageError if it is not one."""
    schema = files("together_rerank_contract_tests").joinpath("report.schema.json").read_text(encoding="utf-8")
    try:
        report: dict[str, Any] = json.loads(path.read_bytes())
        jsonschema.validate(report, json.loads(schema), cls=jsonschema.Draft202012Validator)
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from error
    except jsonschema.ValidationError as error:
        place = f"{error.json_path}: {excerpt(error.message, _MAX_SHOWN)}"
        raise click.UsageError(f"{path}: not a report that --json wrote: {place}") from error
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"{path}: not JSON: {excerpt(str(error), _MAX_SHOWN)}") from error
    return report
