"""Watching: logs without secrets, a dead man's ping, figures for Prometheus."""
