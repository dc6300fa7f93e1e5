"""The requirements, a file for each topic, and the requests that they send."""
