"""Serves Trackio on a free port, prints its URL and ends when its input does."""

import sys

import trackio

_, url, _, _ = trackio.show(open_browser=False, block_thread=False)
print("URL", url, flush=True)
sys.stdin.read()
