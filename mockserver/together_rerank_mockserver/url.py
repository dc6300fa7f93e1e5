"""The URL of a mock, as users give it."""

from __future__ import annotations

from urllib.parse import urlsplit


def base_of(url: str) -> str:
    """Return scheme, host and port of *url*; raise ValueError when it is no such URL."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and url.isprintable() and " " not in url:
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port is not None else "")
    except ValueError:
        pass
    raise ValueError(f"'{url}' is not a URL like http://127.0.0.1:4010")
