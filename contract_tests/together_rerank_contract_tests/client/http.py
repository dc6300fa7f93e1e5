"""Build the HTTP client, and read a response up to a limit."""

import ssl
import threading
import zlib
from concurrent.futures import Future, InvalidStateError
from contextlib import ExitStack, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import NamedTuple

import httpx

from together_rerank_contract_tests.settings import Settings
from together_rerank_spec.urls import is_loopback

# A body with more of the bytes `{`, `[` and `,` is not parsed: its values could take a hundred times its memory.
_MAX_VALUES = 20_000
# Of a body that is too large to be parsed, keep only this many bytes, to show them; less than `_MAX_VALUES`.
_MAX_SHOWN = 1 << 14
# How zlib data begins; without its header, some servers send deflate as well.
_ZLIB_STARTS = (b"\x08", b"\x18", b"\x28", b"\x38", b"\x48", b"\x58", b"\x68", b"\x78")

# Read one body with more bytes than this at a time, because the threads of concurrent requests share the memory.
_LARGE = 1 << 20
_one_large_body = threading.Lock()


class Received(NamedTuple):
    """A response.

    Attributes:
        content: the decoded body; only its beginning if it is too large to be read or parsed.
        error: why the body could not be read or decoded completely; "" if there is no error.
        is_cut: whether the connection ended before the body did.
    """

    status: int
    headers: dict[str, str]
    content: bytes
    error: str
    is_cut: bool


def build_client(settings: Settings) -> httpx.Client:
    """Return the client for *settings*; raise ValueError if the proxy or the certificates cannot be used."""
    is_local = is_loopback(settings.host) or settings.host in ("0.0.0.0", "::")  # noqa: S104  # local: no proxy
    try:
        client = httpx.Client(
            timeout=settings.timeout_s,
            # Do not use a proxy for a local endpoint.
            trust_env=not is_local,
            verify=_certificates(settings, is_local=is_local),
            # A redirect would send the key to another address.
            follow_redirects=False,
            # Send no cookies: a response must not affect the next request.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
    except Exception as error:  # the type depends on the library
        named = f"--cacert {settings.cacert}" if settings.cacert else ""
        named = named or "the proxy or the certificates that the environment variables name"
        raise ValueError(f"cannot use {named}: {error}") from error
    client.headers.clear()
    return client


def _certificates(settings: Settings, *, is_local: bool) -> ssl.SSLContext | bool:
    if settings.cacert:
        return ssl.create_default_context(cafile=settings.cacert)
    if is_local and settings.url.startswith("http:"):  # loading certificates takes 0.1 s
        return False
    return httpx.create_ssl_context()  # reads SSL_CERT_FILE and SSL_CERT_DIR


def read(client: httpx.Client, request: httpx.Request, limit: int, result: Future[Received]) -> None:
    """Send *request* and set *result*; read until the body has more than *limit* bytes, or *result* is cancelled."""
    with suppress(InvalidStateError):  # the result was cancelled
        try:
            with ExitStack() as stack:
                response = client.send(request, stream=True)
                stack.callback(response.close)
                raw, error = bytearray(), ""
                try:
                    for piece in response.iter_raw():
                        if len(raw) <= _LARGE < len(raw) + len(piece):
                            stack.enter_context(_one_large_body)
                        raw += piece
                        if len(raw) > limit or result.cancelled():
                            break
                except httpx.TimeoutException:
                    raise
                except httpx.HTTPError:
                    error = _describe_cut(response, len(raw))
                content, decode_error = _readable(response, raw, limit)
                received = Received(
                    response.status_code, dict(response.headers), content, decode_error or error, is_cut=bool(error)
                )
            result.set_result(received)
        except Exception as error:  # noqa: BLE001  # result.result() raises it
            result.set_exception(error)


def _describe_cut(response: httpx.Response, size: int) -> str:
    length = response.headers.get("content-length")
    where = f"{size} of {length} bytes" if length else f"its last chunk is missing after {size} bytes"
    return f"the body ends early: {where}"


def _readable(response: httpx.Response, raw: bytearray, limit: int) -> tuple[bytes, str]:
    """Return the decoded body and an error; only the beginning of a body with too many bytes or values."""
    content, error = _decoded(raw, response.headers.get("content-encoding", "").lower(), limit)
    if len(content) > limit or len(raw) > limit:
        return content[: min(limit, _MAX_SHOWN)], f"the body has more than {limit} bytes"
    if sum(map(content.count, (b"{", b"[", b","))) > _MAX_VALUES:
        return content[:_MAX_SHOWN], f"the body has more than {_MAX_VALUES} values"
    return content, error


def _decoded(raw: bytearray, encoding: str, limit: int) -> tuple[bytes, str]:
    """Return *raw* without *encoding*, at most one byte more than *limit*, and an error, "" if there is none."""
    if encoding in ("", "identity"):
        return bytes(raw), ""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return bytes(raw), f"its Content-Encoding is {encoding}, which the request does not accept"
    is_raw_deflate = encoding == "deflate" and raw[:1] not in _ZLIB_STARTS
    decoder = zlib.decompressobj(31 if encoding != "deflate" else -15 if is_raw_deflate else 15)
    try:
        decoded = decoder.decompress(raw, limit + 1)
    except zlib.error:
        return bytes(raw), f"its Content-Encoding is {encoding}, but it is not valid {encoding}"
    is_complete = decoder.eof and not decoder.unused_data
    return decoded, "" if is_complete else f"its {encoding} data is cut off, or has other data after it"
