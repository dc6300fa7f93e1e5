"""A mock of Together AI's rerank API. These names are public; all other modules are private.

Importing this package loads neither Flask nor a server: a name is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from together_rerank_mockserver.audit.report import AuditReport
    from together_rerank_mockserver.audit.rerank_audit import RerankAudit
    from together_rerank_mockserver.http.flask_app import create_app
    from together_rerank_mockserver.recorded import RecordedRequest
    from together_rerank_mockserver.resilience import Finding
    from together_rerank_mockserver.server.threaded_server import MockServer
    from together_rerank_mockserver.settings import Settings, SettingsError
    from together_rerank_mockserver.testing.mixin import RerankMockMixin
    from together_rerank_mockserver.testing.rerank_mock import RerankMock

__version__ = "0.1.0"
__all__ = [
    "AuditReport",
    "Finding",
    "MockServer",
    "RecordedRequest",
    "RerankAudit",
    "RerankMock",
    "RerankMockMixin",
    "Settings",
    "SettingsError",
    "create_app",
]

_MODULES = {
    "AuditReport": "audit.report",
    "Finding": "resilience",
    "MockServer": "server.threaded_server",
    "RecordedRequest": "recorded",
    "RerankAudit": "audit.rerank_audit",
    "RerankMock": "testing.rerank_mock",
    "RerankMockMixin": "testing.mixin",
    "Settings": "settings",
    "SettingsError": "settings",
    "create_app": "http.flask_app",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
