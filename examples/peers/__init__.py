"""Modules of benchmark_peers.py; nothing else imports them."""
