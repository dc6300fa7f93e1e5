"""Servers for the mock: granian in a process of its own, or threads in this process."""
