"""Ask the Redis of a store from the thread of an event loop."""

import asyncio
from collections.abc import Sequence
from typing import Any

from together_rerank_mockserver.state.store import TIMEOUT_S, Ask, Store


class AsyncStore:
    """Asks the Redis of *store*. What calls ask while an answer is on its way is sent together."""

    def __init__(self, store: Store) -> None:
        import redis.asyncio
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        self._store = store
        self._client: Any = redis.asyncio.Redis.from_url(
            store.url, retry=Retry(NoBackoff(), 0), socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )
        self._no_script = redis.exceptions.NoScriptError
        self._waiting: list[tuple[Ask, asyncio.Future[Any]]] = []
        self._sender: asyncio.Task[None] | None = None

    def answer(self, ask: Ask) -> asyncio.Future[Any]:
        """Return a future of what the script of *ask* returns; it can raise StateUnavailable."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, future))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())
        return future

    async def _send(self) -> None:
        while self._waiting:
            sent, self._waiting = self._waiting, []
            try:
                replies = await self._replies([ask for ask, _ in sent])
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

    async def _replies(self, asks: Sequence[Ask]) -> list[Any]:
        """Return the reply to each of *asks*, or an exception in its place."""
        hashes, scripts = self._store.hashes, self._store.scripts
        replies = await self._run([("EVALSHA", hashes[ask.script], ask) for ask in asks])
        unknown = [place for place, reply in enumerate(replies) if isinstance(reply, self._no_script)]
        if unknown:  # the Redis has restarted
            again = await self._run([("EVAL", scripts[asks[place].script], asks[place]) for place in unknown])
            for place, reply in zip(unknown, again, strict=True):
                replies[place] = reply
        return replies

    async def _run(self, commands: Sequence[tuple[str, str | bytes, Ask]]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for name, script, ask in commands:
            pipeline.execute_command(name, script, len(ask.keys), *ask.keys, *ask.arguments)
        replies: list[Any] = await pipeline.execute(raise_on_error=False)
        return replies
