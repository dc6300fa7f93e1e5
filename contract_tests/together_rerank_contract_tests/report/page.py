"""HTML pages that load nothing and run no script, from the templates in this folder."""

from typing import Any

from together_rerank_contract_tests import PROGRAM


def render(template: str, **values: Any) -> str:
    """Return the page that *template* makes of *values*, which it escapes."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # most runs write no HTML

    environment = Environment(
        autoescape=True,
        loader=PackageLoader(__package__, ""),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(template).render(program=PROGRAM, **values)
