"""Rank documents by lexical overlap, explain their scores, and override a ranking."""
