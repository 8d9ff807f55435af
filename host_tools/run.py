# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge run site.yaml`: the controller on this Linux gateway."""

import argparse
import asyncio
import json
import os
import signal
import sys
import threading

from edge.core.settings import check
from edge.shell import gateway
from host_tools.places import SiteError
from host_tools.site import load_site, tables_of
from host_tools.tls_site import kept_on_board


def main(argv):
    """Run the site of site.yaml until Ctrl-C; exit codes 0 ended, 1 the loop failed, 2 wrong input."""
    parser = argparse.ArgumentParser(prog="reuse-edge run", description="Control the site of a settings file.")
    parser.add_argument("site", help="site.yaml, or settings.json made from one")
    parser.add_argument("--state", default="state", metavar="DIR", help="folder of the saved state (default: state)")
    parser.add_argument("--trace", metavar="FILE", help="write one line of integers per step")
    parser.add_argument("--attended", action="store_true", help="end when stdin ends: with the program that started it")
    args = parser.parse_args(argv)
    if args.attended:
        threading.Thread(target=_attend, daemon=True).start()
    settings, load = _settings(args.site)
    os.makedirs(args.state, exist_ok=True)
    trace = open(args.trace, "w", encoding="utf-8", buffering=1) if args.trace else None
    try:
        return asyncio.run(gateway.run(settings, args.state, load, trace, _say))
    finally:
        if trace:
            trace.close()


def _attend():
    """Wait for the end of stdin, then end in peace."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _settings(path):
    """(checked settings, function that gives a profile's table) of a site.yaml or a settings.json."""
    if path.endswith(".json"):
        with open(path, encoding="utf-8") as file:
            settings = check(json.load(file))
            return settings, tables_of(settings, path).__getitem__
    settings = load_site(path)
    place = kept_on_board(settings)
    if place:
        raise SiteError(path, None, place, "is a key that only a board has", "reuse-edge flash; here give a file")
    return check(settings), tables_of(settings, path).__getitem__


def _say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
