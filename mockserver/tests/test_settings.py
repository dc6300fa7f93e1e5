"""Settings are validated, and the error names the invalid field."""

import pytest

from together_rerank_mockserver import MockServer, create_app
from together_rerank_mockserver.settings import Settings, SettingsError

WRONG = {
    "reading": "lenient",
    "spec": "",
    "overlay": 5,
    "operation": "/rerank",
    "dialect": "klingon",
    "replay": "",
    "api_keys": ["clé"],
    "models": "m",
    "max_body": 0,
    "read_timeout_s": 0,
    "log_format": "xml",
    "fault": 429,
    "chaos": [0.5],
    "seed": "lucky",
    "latency_ms": True,
    "latency_per_document_ms": -0.5,
    "latency_distribution": "normal=1",
    "capacity": 0,
    "max_documents": 0,
    "max_document_chars": "9",
    "max_tokens": 1.5,
    "limit_status": 200,
    "rate_limit": "often",
    "max_in_flight": 0,
    "journal_max": -1,
    "journal_body": 1.5,
    "one_namespace": "yes",
    "admin_token": " ",
    "no_admin": 1,
    "workers": 0,
    "state": "http://localhost/0",
    "cors": ["*"],
    "host": None,
    "base_path": "rerank-mock",
    "tls_cert": "",
    "tls_key": b"key",
}


@pytest.mark.parametrize("field", WRONG)
def test_a_wrong_value_is_rejected_with_the_field(field):
    with pytest.raises(SettingsError, match=f"^`{field}` (must be|'often' is not) ") as refused:
        Settings(**{field: WRONG[field]})

    assert refused.value.field == field


def test_every_field_is_checked():
    assert list(WRONG) == list(Settings.__dataclass_fields__)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"no_admin": True, "admin_token": "t"}, "`no_admin` closes the control plane, which `admin_token` opens"),
        ({"tls_cert": "own.pem"}, "`tls_cert` needs `tls_key`, too"),
        ({"workers": 2, "rate_limit": "5/minute"}, "`rate_limit` needs `state` if there is more than one of `workers`"),
        ({"workers": 2, "capacity": 1, "latency_ms": 1}, "`capacity` needs `state` if"),
        ({"tls_key": "own.key"}, "`tls_key` needs `tls_cert`, too"),
    ],
)
def test_settings_that_do_not_go_together_are_rejected(values, problem):
    with pytest.raises(SettingsError, match=problem):
        Settings(**values)


@pytest.mark.parametrize(
    ("given", "base_path"), [("", ""), ("/", ""), ("/a", "/a"), ("/a/", "/a"), ("/a-1/B_2/~c.d", "/a-1/B_2/~c.d")]
)
def test_the_slash_at_the_end_of_a_base_path_is_optional(given, base_path):
    assert Settings(base_path=given).base_path == base_path


@pytest.mark.parametrize(
    "given", ["a", "//a", "/a//b", "/..", "/a/../b", "/a?b", "/a#b", "/a b", "/a%20b", "/\u00fc", "/a\n"]
)
def test_a_path_that_clients_could_change_is_no_base_path(given):
    with pytest.raises(SettingsError, match="must be a path of letters, digits and"):
        Settings(base_path=given)


@pytest.mark.parametrize("hidden", [{"api_keys": ["schl\u00fcssel"]}, {"admin_token": "schl\u00fcssel"}])
def test_a_secret_is_not_shown(hidden):
    with pytest.raises(SettingsError) as refused:
        Settings(**hidden)

    assert "schl" not in str(refused.value)


def test_an_unknown_name_is_rejected_with_the_nearest():
    with pytest.raises(TypeError, match=r"^`latency` is not a setting; did you mean `latency_ms`\?$"):
        Settings(latency=5)


@pytest.mark.parametrize("create", [create_app, MockServer])
def test_settings_of_another_type_are_an_error(create):
    with pytest.raises(TypeError, match=r"settings must be Settings\(...\), not dict"):
        create({"latency_ms": 20})
