"""Show the secrets of every request, the headers of --header and the URL's query, as variables of a shell."""

import re

from together_rerank_contract_tests.settings import Settings

# Characters of a name in the query that have a meaning in double quotes in a shell.
_SPECIAL = re.compile(r'[$`"\\!]')
Headers = tuple[tuple[str, str], ...]


class Variables:
    """The settings' headers and query with a variable, such as `$API_KEY` for `api-key`, in place of each value.

    Attributes:
        query: without the question mark; it can be put into double quotes in a shell.
        secrets: the values, also without a scheme such as `Basic`.
    """

    def __init__(self, settings: Settings) -> None:
        self._names = {settings.key_name}
        self.headers: Headers = tuple((name, self._variable(name)) for name, _ in settings.headers)
        parameters = settings.query.split("&")
        self.query = "&".join(map(self._parameter, parameters))
        self.secrets = [form for _, value in settings.headers for form in (value, value.split()[-1])]
        self.secrets += [each.partition("=")[2] if "=" in each else each for each in parameters]

    def _variable(self, name: str) -> str:
        """Return a variable named after *name*; two equal names get different variables."""
        base = variable = re.sub(r"^(?=\d)|\W", "_", name.upper(), flags=re.ASCII)
        number = 1
        while variable in self._names:
            number += 1
            variable = f"{base}_{number}"
        self._names.add(variable)
        return f"${variable}"

    def _parameter(self, parameter: str) -> str:
        name, separator, value = parameter.partition("=")
        if not separator:  # the value has no name
            return self._variable("query") if name else ""
        escaped = _SPECIAL.sub(lambda match: f"%{ord(match[0]):02X}", name)
        return f"{escaped}={self._variable(name or 'query') if value else ''}"
