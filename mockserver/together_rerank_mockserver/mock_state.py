"""What all operations of one mock share: settings, namespaces, recorder, requested faults and recorded exchanges."""

import hmac
from pathlib import Path
from typing import Any

import orjson

import together_rerank_fixtures as fixtures
from together_rerank_fixtures import Exchange
from together_rerank_mockserver.api.errors import UnsupportedByServer
from together_rerank_mockserver.api.json_text import to_json
from together_rerank_mockserver.api.limits import Limits
from together_rerank_mockserver.faults.catalogue import Catalogue
from together_rerank_mockserver.faults.fault import StoredRanking
from together_rerank_mockserver.faults.grammar import FaultSpec, from_json
from together_rerank_mockserver.faults.status import StatusFault
from together_rerank_mockserver.latency import Latency
from together_rerank_mockserver.settings import LIBRARY, Settings
from together_rerank_mockserver.state.delay_limiter import DelayLimiter
from together_rerank_mockserver.state.metrics import Metrics
from together_rerank_mockserver.state.quota import Quota, parse_rate
from together_rerank_mockserver.state.recorder import Recorder
from together_rerank_mockserver.state.registry import Registry
from together_rerank_mockserver.state.shared_namespace import Shared
from together_rerank_mockserver.state.shared_registry import SharedRegistry
from together_rerank_spec import TOGETHER, Document

# A key with this prefix is a name, not a secret: it selects a namespace of its own.
NAMESPACE_PREFIX = "test-"
_MAX_NAMESPACE_LENGTH = 200


class MockState:
    """The state and the settings that all operations of one mock share; *document* is the one at the root.

    Raises:
        FixtureError: the exchanges to replay cannot be read.
        SettingsError: the settings request a fault that no API has.
    """

    def __init__(self, document: Document, settings: Settings, limiter: DelayLimiter) -> None:
        self.settings = settings
        self.limiter = limiter
        self.catalogue = Catalogue(document)
        self.fault, self.chaos = settings.chosen_faults(self.catalogue)
        self.store = None if settings.state is None else settings.store()
        self.registry: Any = self._registry()  # a Registry or a SharedRegistry, which have the same methods
        self.metrics = Metrics(self.registry, limiter)
        self.recorder = Recorder(self.registry, settings.log_format, settings.journal_max, settings.journal_body)
        base_ms, per_document_ms = settings.latency_ms, settings.latency_per_document_ms
        latency = Latency(base_ms, per_document_ms, settings.latency_distribution, settings.capacity, settings.seed)
        self.latency = latency if base_ms or per_document_ms else None
        self.limits = Limits(
            documents=settings.max_documents,
            document_chars=settings.max_document_chars,
            tokens=settings.max_tokens,
            status=settings.limit_status,
        )
        # The exchanges of a folder, which can be with any API.
        self.recorded = fixtures.read(Path(settings.replay)) if settings.replay not in (None, LIBRARY) else []
        self._keys = [key.encode() for key in settings.api_keys]

    def _registry(self) -> Registry | SharedRegistry:
        settings = self.settings
        if self.store is None:
            return Registry(settings.journal_max, Quota(settings.rate_limit) if settings.rate_limit else None)
        rate = parse_rate(settings.rate_limit) if settings.rate_limit else None
        shared = Shared(
            self.store,
            dump_fault=_dump_fault,
            load_fault=lambda text: from_json(orjson.loads(text), self.catalogue)[0],
            draws=bool(self.chaos.specs),
            max_in_flight=settings.max_in_flight,
            quota=rate and rate.amount,
            window_s=rate.get_expiry() if rate else 0,
            dump_ranking=lambda ranking: ranking.as_json,
            load_ranking=StoredRanking.from_json,
        )
        return SharedRegistry(shared, settings.journal_max)

    def check_shared(self, path: str) -> None:
        """Raise UnsupportedByServer if the answer to *path* needs the state of other processes, too."""
        if self.settings.workers > 1 and self.settings.state is None:
            raise UnsupportedByServer(
                f"{path} needs a state that all workers share: start the mock with --state redis://HOST/0, or with one "
                "worker"
            )

    @property
    def configured(self) -> list[FaultSpec]:
        """The faults that the settings request."""
        return [each for each in (self.fault, *self.chaos.specs) if each]

    def exchanges(self, document: Document) -> list[Exchange]:
        """Return the exchanges to replay; they include those with the API of *document*."""
        return self.recorded or fixtures.all(dialect=document.dialect or TOGETHER)

    def accepts(self, key: str) -> bool:
        # A list, so that every key is compared: the time must not reveal which key is similar.
        return not self._keys or any([hmac.compare_digest(key.encode(), known) for known in self._keys])

    def is_namespace(self, name: str) -> bool:
        return (
            not self.settings.one_namespace
            and name.startswith(NAMESPACE_PREFIX)
            and len(name) <= _MAX_NAMESPACE_LENGTH
            and self.accepts(name)
        )


def _dump_fault(spec: FaultSpec) -> str:
    kind = "c" if spec.is_conditional else "s" if isinstance(spec.fault, StatusFault) else "-"
    return kind + to_json(spec.as_dict).decode()
