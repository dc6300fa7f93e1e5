"""The HTTP client for the endpoint: transport, budget and exchanges."""
