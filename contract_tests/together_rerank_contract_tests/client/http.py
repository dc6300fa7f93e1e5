"""Build the HTTP client, and read a response up to a limit."""

import ssl
import zlib
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import NamedTuple

import httpx

from together_rerank_contract_tests.settings import Settings
from together_rerank_spec.urls import is_loopback

# A body with more of the bytes `{`, `[` and `,` is not parsed: its values could take a hundred times its memory.
_MAX_VALUES = 20_000
# Of a body that is too large to be parsed, keep only this many bytes, to show them; less than `_MAX_VALUES`.
_MAX_SHOWN = 1 << 14


class Received(NamedTuple):
    """A response with its body, still encoded; `is_cut` if the connection ended before the body did."""

    response: httpx.Response
    raw: bytes
    is_cut: bool

    def decoded(self, limit: int) -> tuple[bytes, str]:
        """Return the decoded body, and why it could not be read, "" if it could.

        Of a body with more than *limit* bytes, or with very many values, return only the beginning.
        """
        headers = self.response.headers
        content, error = _decoded(self.raw, headers.get("content-encoding", "").lower(), limit)
        if len(content) > limit:
            return content[: min(limit, _MAX_SHOWN)], f"the body has more than {limit} bytes"
        if sum(map(content.count, (b"{", b"[", b","))) > _MAX_VALUES:
            return content[:_MAX_SHOWN], f"the body has more than {_MAX_VALUES} values"
        if not self.is_cut:
            return content, error
        if "content-length" in headers:
            return content, f"the body ends early: {len(self.raw)} of {headers['content-length']} bytes"
        return content, f"the body ends early: its last chunk is missing after {len(self.raw)} bytes"


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
            response = client.send(request, stream=True)
            raw, is_cut = bytearray(), False
            try:
                for piece in response.iter_raw():
                    raw += piece
                    if len(raw) > limit or result.cancelled():
                        break
            except httpx.TimeoutException:
                raise
            except httpx.HTTPError:
                is_cut = True
            finally:
                response.close()
            result.set_result(Received(response, bytes(raw), is_cut))
        except Exception as error:  # noqa: BLE001  # result.result() raises it
            result.set_exception(error)


def _decoded(raw: bytes, encoding: str, limit: int) -> tuple[bytes, str]:
    """Return *raw* without *encoding*, at most one byte more than *limit*, and an error, "" if there is none."""
    if encoding in ("", "identity"):
        return raw[: limit + 1], ""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return raw[: limit + 1], f"its Content-Encoding is {encoding}, which the request does not accept"
    decoder = zlib.decompressobj(wbits=47)
    try:
        decoded = decoder.decompress(raw, limit + 1)
    except zlib.error:
        return raw[: limit + 1], f"its Content-Encoding is {encoding}, but it is not valid {encoding}"
    is_complete = decoder.eof and not decoder.unused_data
    return decoded, "" if is_complete else f"its {encoding} data is cut off, or has other data after it"
