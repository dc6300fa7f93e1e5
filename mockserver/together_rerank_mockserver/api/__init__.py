"""The request and the reply of one call: their values, bodies, errors and JSON. No state."""
