"""Run Schemathesis against the endpoint."""
