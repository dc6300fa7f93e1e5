"""Parse and build the URLs of servers, and recognize loopback hosts."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def base_of(url: str) -> str:
    """Return *url*, the base URL of a client, as the URL of a mock: without a query, or a slash or `/v1` at the end.

    Raises ValueError if *url* is not an HTTP URL.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and url.isprintable() and " " not in url:
            path = parts.path.rstrip("/").removesuffix("/v1")
            path.encode("ascii")
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port is not None else "") + path
    except ValueError:
        pass
    raise ValueError(f"'{url}' is not a URL like http://127.0.0.1:4010")


def url_of(address: str, port: int, scheme: str = "http") -> str:
    """Return the URL of a server at *address*, an IP address or a host name, and *port*."""
    return f"{scheme}://[{address}]:{port}" if ":" in address else f"{scheme}://{address}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether *host* is localhost or a loopback address, which other machines cannot reach."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
