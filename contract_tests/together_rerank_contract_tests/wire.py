"""One request over HTTP and its answer: as it is written, whole, in time, and remembering nothing."""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

import httpx

from together_rerank_contract_tests.findings import Dropped, Inconclusive, Unsendable

MOST_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """What came.

    Attributes:
        content: the body, without its encoding.
        flaw: why that could not be undone, "" when it could.
    """

    status: int
    headers: dict[str, str]
    content: bytes
    flaw: str


class Wire:
    """Sends requests; threads may share it.

    Args:
        host: of the endpoint.
        timeout_s: for the whole of one answer, from the first byte of the request on.

    Raises:
        ValueError: what the environment says of proxies or certificates cannot be followed.
    """

    def __init__(self, host: str, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        try:
            self._client = httpx.Client(
                timeout=timeout_s,
                # A proxy of the environment is for the world outside.
                trust_env=not is_loopback(host),
                # The key would go along.
                follow_redirects=False,
                # What an endpoint lets in must not depend on what it let in before.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            )
        except Exception as fault:  # of whichever library reads them
            raise ValueError(f"the environment's proxy or certificates cannot be used: {fault}") from fault
        self._client.headers.clear()

    def close(self) -> None:
        """Close what is open."""
        self._client.close()

    def send(self, method: str, url: str, headers: list[tuple[str, str]], content: bytes) -> Received:
        """Return what came.

        Raises:
            Unsendable: it is no HTTP, and was not sent.
            Dropped: the connection ended before the answer.
            Inconclusive: no whole answer came in time.
        """
        host, path = _divided(url)
        try:
            raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            target = {"target": path.encode("latin-1")}
            request = self._client.build_request(method, host, headers=raw, content=content, extensions=target)
        except UnicodeEncodeError:
            raise Unsendable("it has characters beyond Latin-1 outside its body") from None
        box: SimpleQueue[Received | Exception] = SimpleQueue()
        # httpx limits the wait for each piece alone; a server that drips would never end.
        threading.Thread(target=lambda: box.put(self._outcome(request)), daemon=True).start()
        try:
            outcome = box.get(timeout=self._timeout_s)
        except Empty:
            outcome = httpx.ReadTimeout("")
        if isinstance(outcome, Received):
            return outcome
        if isinstance(outcome, httpx.TimeoutException):
            raise Inconclusive(f"no whole answer from {url} within {self._timeout_s:g} s")
        if isinstance(outcome, httpx.LocalProtocolError):
            raise Unsendable(str(outcome))
        raise Dropped(f"no whole answer from {url}: {str(outcome) or type(outcome).__name__}")

    def _outcome(self, request: httpx.Request) -> Received | Exception:
        try:
            response = self._client.send(request, stream=True)
            try:
                received = bytearray()
                for piece in response.iter_raw():
                    received += piece
                    if len(received) > MOST_BYTES:
                        return httpx.ReadError(f"more than {MOST_BYTES} bytes")
            finally:
                response.close()
            headers = dict(response.headers.items())
            content, flaw = _decoded(bytes(received), headers.get("content-encoding", "").lower())
            return Received(response.status_code, headers, content, flaw)
        except Exception as fault:  # noqa: BLE001  # whoever waits for it raises it
            return fault


def is_loopback(host: str) -> bool:
    """Return whether *host* is this machine, so that no proxy is asked for it."""
    try:
        address = ip_address(host)
    except ValueError:
        return host.rstrip(".") == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or address.is_unspecified or (mapped is not None and mapped.is_loopback)


def _divided(url: str) -> tuple[str, str]:
    """Return host and path of *url*, the path as it is, whatever stands in it; httpx would put it in order."""
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc}"
    return host, url[len(host) :] or "/"


def _decoded(raw: bytes, encoding: str) -> tuple[bytes, str]:
    """Return *raw* without its *encoding*, and what kept it from that."""
    if encoding in ("", "identity"):
        return raw, ""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return raw, f"it is encoded as {encoding}, which was not asked for"
    decoded, rest = bytearray(), raw
    while rest or not decoded:
        decoder = zlib.decompressobj(wbits=47)
        try:
            decoded += decoder.decompress(rest, MOST_BYTES - len(decoded))
        except zlib.error:
            return raw, f"it says that it is {encoding}, and is not"
        if not decoder.eof or len(decoded) >= MOST_BYTES:
            return bytes(decoded), f"its {encoding} ends too early, or is too long"
        rest = decoder.unused_data
        if not decoded and not rest:
            break
    return bytes(decoded), ""
