"""Endless people out of finite motion capture."""
