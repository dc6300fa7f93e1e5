"""Parse and build the URLs of servers, and recognize loopback hosts."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def base_of(url: str) -> str:
    """Return the part of *url* with scheme, host and port; raise ValueError if it is not an HTTP URL."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and url.isprintable() and " " not in url:
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port is not None else "")
    except ValueError:
        pass
    raise ValueError(f"'{url}' is not a URL like http://127.0.0.1:4010")


def url_of(address: str, port: int) -> str:
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether *host* is localhost or a loopback address, which no other machine can reach."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
