"""The hosts that a process looks up or connects to, by Python's audit events.

It imports nothing but the standard library, because processes that a test starts load it by its path.
"""

from collections.abc import Iterable
from typing import Any

_LOOKED_UP = ("socket.getaddrinfo", "socket.gethostbyname")


def host_in(event: str, arguments: tuple[Any, ...]) -> Any:
    """Return the host in the audit event *event* with *arguments*; None if it has none."""
    if event in _LOOKED_UP:
        return arguments[0]
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1]:
        return arguments[1][0]
    return None


def name_of(host: Any) -> str:
    """Return *host* as Python looks it up: in ASCII, lower case and without the last dot; "" if it is not a name."""
    try:
        name = host.encode("idna") if isinstance(host, str) else host
        return name.decode("ascii").lower().rstrip(".") if isinstance(name, bytes | bytearray) else ""
    except UnicodeError:
        return ""


def is_one_of(hosts: Iterable[str], name: str) -> bool:
    """Return whether *name* is one of *hosts*, or below one."""
    return any(name == host or name.endswith(f".{host}") for host in hosts)
