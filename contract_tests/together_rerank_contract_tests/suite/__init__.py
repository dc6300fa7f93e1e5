"""The requirements, one test module for each topic, and the requests that they send."""
