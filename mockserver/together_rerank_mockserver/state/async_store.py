"""Run the scripts of a store from the thread of an event loop."""

import asyncio
from collections.abc import Sequence
from typing import Any

from together_rerank_mockserver.state.store import TIMEOUT_S, ScriptCall, Store


class AsyncStore:
    """Runs scripts in the Redis of *store*. Those that come while others run are sent together after these."""

    def __init__(self, store: Store) -> None:
        import redis.asyncio
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        self._store = store
        self._client: Any = redis.asyncio.Redis.from_url(
            store.url, retry=Retry(NoBackoff(), 0), socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )
        self._no_script = redis.exceptions.NoScriptError
        self._waiting: list[tuple[ScriptCall, asyncio.Future[Any]]] = []
        self._sender: asyncio.Task[None] | None = None

    def run(self, script_call: ScriptCall) -> asyncio.Future[Any]:
        """Return a future of what the script returns; it can raise StateUnavailable."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((script_call, future))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())
        return future

    async def _send(self) -> None:
        while self._waiting:
            sent, self._waiting = self._waiting, []
            try:
                replies = await self._replies([script_call for script_call, _ in sent])
            except Exception as error:  # noqa: BLE001  # a call without an answer would hang
                replies = [error] * len(sent)
            for (_, future), reply in zip(sent, replies, strict=True):
                if future.done():  # the call was cancelled
                    continue
                if isinstance(reply, Exception):
                    future.set_exception(self._store.unavailable(reply))
                else:
                    future.set_result(reply)
        self._sender = None

    async def _replies(self, script_calls: Sequence[ScriptCall]) -> list[Any]:
        """Return the reply to each of *script_calls*, or an exception in its place."""
        hashes, scripts = self._store.hashes, self._store.scripts
        replies = await self._execute([("EVALSHA", hashes[each.script], each) for each in script_calls])
        unknown = [place for place, reply in enumerate(replies) if isinstance(reply, self._no_script)]
        if unknown:  # the Redis has restarted
            again = await self._execute(
                [("EVAL", scripts[script_calls[place].script], script_calls[place]) for place in unknown]
            )
            for place, reply in zip(unknown, again, strict=True):
                replies[place] = reply
        return replies

    async def _execute(self, commands: Sequence[tuple[str, str | bytes, ScriptCall]]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for name, script, each in commands:
            pipeline.execute_command(name, script, len(each.keys), *each.keys, *each.arguments)
        replies: list[Any] = await pipeline.execute(raise_on_error=False)
        return replies
