"""Describe an endpoint: its URL, its model, and the API that it speaks."""

from together_rerank_contract_tests.client.exchange import printable
from together_rerank_contract_tests.suite import dialect
from together_rerank_contract_tests.suite.endpoint import Endpoint


def describe(endpoint: Endpoint) -> str:
    """Return lines of text with the URL, the model and the dialect of *endpoint*."""
    model = [f"model     {endpoint.model}"] if endpoint.model else []  # some APIs have no model in a request
    lines = [f"endpoint  {endpoint.url}", *model, f"dialect   {_dialect(endpoint)}"]
    return "".join(f"{endpoint.transport.mask.text(printable(line))}\n" for line in lines)


def _dialect(endpoint: Endpoint) -> str:
    name, first = dialect.name_of(endpoint.document), endpoint.first
    if first is None or first.status != 200:
        return name
    found = dialect.deviations(first)
    if not found:
        return name
    closest = dialect.recognised(first.body)
    hint = f"; the response is closer to {closest} (--dialect {closest})" if closest not in (name, "unknown") else ""
    return f"{name}: {', '.join(found)}{hint}"
