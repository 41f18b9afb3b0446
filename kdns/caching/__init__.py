"""Responses kept for as long as their TTLs say, for the *cache* plugin."""
