"""What the mock keeps between calls, by namespace: queue, journal, quota, ids and ranking override."""
