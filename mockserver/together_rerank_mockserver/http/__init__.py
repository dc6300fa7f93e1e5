"""The mock behind WSGI: the operation, the Flask application, the admin API and its access control."""
