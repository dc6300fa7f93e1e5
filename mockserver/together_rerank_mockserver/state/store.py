"""A Redis that keeps the state of several processes: run scripts and commands there."""

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from weakref import finalize

from together_rerank_mockserver.api.errors import StateUnavailable
from together_rerank_spec.package_files import content

_PACKAGE = "together_rerank_mockserver.state"
_SCRIPTS = (
    "append",
    "begin",
    "draw",
    "finish",
    "flight",
    "override",
    "release",
    "reserve",
    "reset",
    "stay",
    "take",
    "word",
)
# The seconds that a connection, or an answer of the Redis, can take.
_TIMEOUT_S = 1.0
# One for each thread that calls; more threads than there are in a server never wait for one.
_CONNECTIONS = 1024


class Store:
    """The Redis at *url*. Every method raises StateUnavailable if it does not answer.

    Raises:
        ImportError: the package redis is missing.
        ValueError: *url* is invalid.
    """

    def __init__(self, url: str) -> None:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._error = redis.RedisError
        self._where = urlsplit(url).hostname or urlsplit(url).path
        self._client: Any = redis.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            max_connections=_CONNECTIONS,
            retry=Retry(NoBackoff(), 0),  # a script that has run must not run again
        )
        # Before the garbage collector, which can find a socket before its connection and then warns that it is open.
        finalize(self, self._client.connection_pool.disconnect).atexit = False
        self._no_script = redis.exceptions.NoScriptError
        start = content(_PACKAGE, "lua/common.lua")
        self._scripts = {name: start + content(_PACKAGE, f"lua/{name}.lua") for name in _SCRIPTS}
        self._hashes = {name: hashlib.sha1(source).hexdigest() for name, source in self._scripts.items()}  # noqa: S324  # the name that Redis gives to a script

    def run(self, script: str, keys: Sequence[str], *arguments: str | bytes | float) -> Any:
        """Run *script*, the name of a file in the folder `lua`."""
        # Without the method `evalsha`, whose observers take as long as the call.
        pool = self._client.connection_pool
        try:
            connection = pool.get_connection()
            try:
                connection.send_command("EVALSHA", self._hashes[script], len(keys), *keys, *arguments)
                return connection.read_response()
            except self._no_script:  # the Redis has restarted
                connection.send_command("EVAL", self._scripts[script], len(keys), *keys, *arguments)
                return connection.read_response()
            finally:
                pool.release(connection)
        except self._error as error:
            raise self._unavailable(error) from error

    def command(self, name: str, *arguments: str | bytes | float) -> Any:
        """Run one command of Redis."""
        try:
            return self._client.execute_command(name, *arguments)
        except self._error as error:
            raise self._unavailable(error) from error

    def check(self) -> None:
        """Write a key, which a Redis without memory and a replica refuse."""
        self.command("SET", "together-rerank-mock:check", "", "EX", 1)

    def _unavailable(self, error: Exception) -> StateUnavailable:
        return StateUnavailable(f"state unavailable: the Redis at {self._where} failed: {type(error).__name__}")
