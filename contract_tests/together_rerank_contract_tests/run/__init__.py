"""Run the requirements as a pytest session, and keep their outcomes."""
