"""Receive coils: maps of their sensitivity, combination and compression."""
