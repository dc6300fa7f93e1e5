"""Run the requirements in a pytest session, and store their outcomes."""
