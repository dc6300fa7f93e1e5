"""The way to the endpoint: one client with a budget, and the exchanges with it."""
