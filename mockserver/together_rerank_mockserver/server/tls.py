"""TLS: check the certificate and its key before the server starts."""

from together_rerank_mockserver.settings import Settings, SettingsError


def check_certificate(settings: Settings) -> None:
    """Raise SettingsError if the certificate and the key of *settings* cannot be used."""
    if settings.tls_cert is None or settings.tls_key is None:
        return
    import ssl  # slow to import

    try:
        # A password, so that OpenSSL does not ask for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key, password="")
    except OSError as error:
        wanted = f"must be the key of {settings.tls_cert}, both in PEM format, and the key without a password"
        raise SettingsError("tls_key", f"{wanted}: {error.strerror or error}") from error
