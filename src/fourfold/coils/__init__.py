"""Receive coils: sensitivity maps, combination and compression."""
