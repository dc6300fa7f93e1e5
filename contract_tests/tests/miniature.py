"""A small, correct rerank server that shares no code with the mock; subclasses break one requirement each."""

import itertools
import json
import re
import threading
import unicodedata
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from together_rerank_spec import Validator, load

KEY, MODEL = "the-miniatures-key", "miniature/rank"
PATHS = ("/v1/rerank", "/rerank")
_REQUEST = Validator(load().request_schema)


class Refused(Exception):
    def __init__(self, status, message, **headers):
        super().__init__(message)
        self.status = status
        self.headers = headers


def words(text):
    return set(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


class Miniature:
    """A server whose methods are the steps of a response; subclasses override them."""

    breaks = breaks_fuzz = frozenset()
    # Requirements that fail in some runs, because threads take turns by chance.
    may_break = frozenset()
    noisy = False
    # How many times to run the contract tests, because noise differs from run to run.
    times = 1

    def __init__(self):
        self.counter = itertools.count(1)
        self.calls = itertools.count(1)
        self.cache = {}

    def __enter__(self):
        handler = type("Handler", (_Handler,), {"miniature": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def read(self, headers, stream):
        """Return the body of the request."""
        if headers.get("Transfer-Encoding") != "chunked":
            return stream.read(int(headers.get("Content-Length") or 0))
        content = b""
        while size := int(stream.readline(), 16):
            content += stream.read(size)
            stream.readline()
        stream.readline()
        return content

    def reply(self, method, path, headers, content):
        """Return the status, headers and body of the response, or None to close the connection."""
        try:
            if path not in PATHS:
                raise Refused(404, "there is no such path")
            self.method(method)
            self.authenticate(headers)
            request = self.parse(headers, content)
            self.check_model(request["model"])
            return 200, {"Content-Type": "application/json"}, self.serialise(self.answer(request))
        except Refused as refused:
            return self.refusal(refused)

    def method(self, method):
        if method != "POST":
            raise Refused(405, "the method is POST", Allow="POST")

    def authenticate(self, headers):
        if headers.get("Authorization") != f"Bearer {KEY}":
            raise Refused(401, "the key is missing or wrong")

    def parse(self, headers, content):
        try:
            request = self.canonical(json.loads(content.decode()))
        except (ValueError, RecursionError):
            raise Refused(400, "the body is not JSON") from None
        if headers.get_content_type() != "application/json":
            raise Refused(400, "the body must be application/json")
        self.validate(request)
        return request

    def canonical(self, body):
        """Return the body of a request in the form of Together's API."""
        return body

    def validate(self, request):
        for violation in _REQUEST.violations(request):
            raise Refused(400, str(violation))

    def check_model(self, model):
        if model != MODEL:
            raise Refused(404, "there is no such model")

    def answer(self, request):
        texts = [self.text(document, request) for document in request["documents"]]
        scores = self.scores(request["query"], texts, request)
        ranking = self.cut(self.order(scores), request)
        return {
            "id": f"miniature-{next(self.counter)}",
            "object": "rerank",
            "model": request["model"],
            "results": [self.result(index, scores[index], request) for index in ranking],
            "usage": self.usage(request, texts),
        }

    def text(self, document, request):
        if isinstance(document, str):
            return document
        fields = request.get("rank_fields")
        return " ".join(str(value) for key, value in document.items() if fields is None or key in fields)

    def scores(self, query, texts, _request):
        return [self.score(query, text) for text in texts]

    def score(self, query, text):
        wanted, found = words(query), words(text)
        return len(wanted & found) / (len(wanted) + 0.01 * len(found - wanted)) if wanted else 0.0

    def order(self, scores):
        return sorted(range(len(scores)), key=lambda index: -scores[index])

    def cut(self, ranking, request):
        return ranking[: int(min(request.get("top_n", len(ranking)), len(ranking)))]

    def result(self, index, score, request):
        return {"index": index, "relevance_score": score, "document": self.document(index, request)}

    def document(self, index, request):
        if not request.get("return_documents", True):
            return {}
        document = request["documents"][index]
        return {"text": document if isinstance(document, str) else self.rendered(document)}

    def rendered(self, document):
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

    def usage(self, request, texts):
        prompt = sum(len(request["query"]) + len(text) for text in texts)
        return {"prompt_tokens": prompt, "completion_tokens": 0, "total_tokens": prompt}

    def serialise(self, body):
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")

    def refusal(self, refused):
        body = {"error": {"message": str(refused), "type": "invalid_request_error"}}
        headers = {
            "Content-Type": "application/json",
            **{name.replace("_", "-"): v for name, v in refused.headers.items()},
        }
        return refused.status, headers, json.dumps(body).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """Ignore clients that close the connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self):
        content = self.miniature.read(self.headers, self.rfile)
        reply = self.miniature.reply(self.command, self.path, self.headers, content)
        if reply is None:
            self.close_connection = True
            return
        status, headers, body = reply
        self.send_response_only(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def log_message(self, *_):
        """Write no log."""
