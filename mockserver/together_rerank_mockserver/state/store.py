"""A Redis that keeps the state of several processes: run scripts and commands there."""

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
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
    "swap",
    "take",
    "word",
)
# The seconds that an answer of the Redis, or a connection, can take.
TIMEOUT_S = 1.0
# One for each thread that calls; more threads than there are in a server never wait for one.
_CONNECTIONS = 1024


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """One run of a script: the name of a file in the folder `lua`, its keys and its arguments."""

    script: str
    keys: Sequence[str]
    arguments: Sequence[str | bytes | float]


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
        retry = Retry(NoBackoff(), 0)  # a script that has run must not run again
        self._client: Any = redis.Redis.from_url(
            url,
            max_connections=_CONNECTIONS,
            retry=retry,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
        )
        self.url = url
        # Before the garbage collector, which can find a socket before its connection and then warns that it is open.
        finalize(self, self._client.connection_pool.disconnect).atexit = False
        self._no_script = redis.exceptions.NoScriptError
        start = content(_PACKAGE, "lua/common.lua")
        self.scripts = {name: start + content(_PACKAGE, f"lua/{name}.lua") for name in _SCRIPTS}
        self.hashes = {name: hashlib.sha1(source).hexdigest() for name, source in self.scripts.items()}  # noqa: S324  # the name that Redis gives to a script

    def run(self, script_call: ScriptCall) -> Any:
        """Run a script, and return what it returns."""
        name, keys, arguments = script_call.script, script_call.keys, script_call.arguments
        # Without the method `evalsha`, whose observers take as long as the call.
        pool = self._client.connection_pool
        try:
            connection = pool.get_connection()
            try:
                connection.send_command("EVALSHA", self.hashes[name], len(keys), *keys, *arguments)
                return connection.read_response()
            except self._no_script:  # the Redis has restarted
                connection.send_command("EVAL", self.scripts[name], len(keys), *keys, *arguments)
                return connection.read_response()
            finally:
                pool.release(connection)
        except self._error as error:
            raise self.unavailable(error) from error

    def command(self, name: str, *arguments: str | bytes | float) -> Any:
        """Run one command of Redis."""
        try:
            return self._client.execute_command(name, *arguments)
        except self._error as error:
            raise self.unavailable(error) from error

    def check(self) -> None:
        """Write a key, which a Redis without memory and a replica refuse."""
        self.command("SET", "together-rerank-mock:check", "", "EX", 1)

    def unavailable(self, error: Exception) -> StateUnavailable:
        return StateUnavailable(f"state unavailable: the Redis at {self._where} failed: {type(error).__name__}")


def run_steps(steps: Generator[ScriptCall | None, Any, Any], store: Store | None) -> Any:
    """Run *steps* to their end, and the scripts that they yield in *store*; return what *steps* return."""
    result = error = None
    while True:
        try:
            script_call = steps.throw(error) if error else steps.send(result)
        except StopIteration as end:
            return end.value
        result = error = None
        if script_call and store:
            try:
                result = store.run(script_call)
            except StateUnavailable as failed:
                error = failed
