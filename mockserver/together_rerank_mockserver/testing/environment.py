"""The environment variables that point clients to a mock."""

import os
from urllib.parse import urlsplit

from together_rerank_mockserver.http.client_variables import client_variables
from together_rerank_spec import real_hosts

_NO_PROXY = ("NO_PROXY", "no_proxy")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def environment(url: str, api_key: str) -> dict[str, str]:
    """Return the variables with which clients use the mock at *url*, and no proxy for it."""
    return client_variables(url, api_key) | _no_proxy(url)


def _no_proxy(url: str) -> dict[str, str]:
    """Return the variables with which clients use no proxy for the mock at *url*, nor for the real APIs.

    A proxy may not reach the mock, and the network guard cannot see behind a proxy.
    """
    if not any(value and name.lower() in _PROXIES for name, value in os.environ.items()):
        return {}
    parts = urlsplit(url)
    host = parts.hostname or ""
    # Clients that read both variables prefer one of them, so that each gets the hosts of both.
    given = [each.strip() for name in _NO_PROXY for each in os.environ.get(name, "").split(",")]
    hosts = dict.fromkeys([*filter(None, given), "127.0.0.1", "localhost", host, *real_hosts()])
    variables = dict.fromkeys(_NO_PROXY, ",".join(hosts))
    if ":" in host:
        # urllib knows an IPv6 address only in brackets, with which httpx fails.
        proxy = f"{parts.scheme}_proxy"
        variables |= {proxy: "", proxy.upper(): ""}
    return variables
