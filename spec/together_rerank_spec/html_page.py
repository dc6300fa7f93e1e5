"""HTML pages, from the templates of a package."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from together_rerank_spec import package_files

if TYPE_CHECKING:
    from jinja2 import Environment

_COMMON = "page.html.j2"


def render(package: str, template: str, **values: Any) -> str:
    """Return the page that the file *template* of *package* makes of *values*, which it escapes.

    A template can import the other templates of its package, and `page.html.j2`, the common parts of all pages.
    """
    return _environment(package).get_template(template).render(**values)


@cache
def _environment(package: str) -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # most runs write no HTML

    def content(name: str) -> str:
        return package_files.content("together_rerank_spec" if name == _COMMON else package, name).decode()

    return Environment(
        autoescape=True,
        loader=FunctionLoader(content),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
