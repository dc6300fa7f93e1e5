"""The verdict of a run, and its report as text, JSON, JUnit XML and Markdown."""
