"""HTML pages that load nothing and run no script."""

from typing import Any

from together_rerank_spec import package_files

_COMMON = "page.html.j2"


def render(package: str, template: str, **values: Any) -> str:
    """Return the page that the file *template* of *package* makes of *values*, which it escapes.

    A template can import the other templates of its package, and `page.html.j2`, the common parts of all pages.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # most runs write no HTML

    def content(name: str) -> str:
        return package_files.content("together_rerank_spec" if name == _COMMON else package, name).decode()

    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(content),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(template).render(**values)
