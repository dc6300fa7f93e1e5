"""The verdict of a run, and its report as text, HTML, JSON, JUnit XML and Markdown."""
