# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge run site.yaml`: the controller on this Linux gateway."""

import argparse
import asyncio
import os
import sys

from edge.shell import gateway
from host_tools.site import load_site, tables_of


def main(argv):
    """Run the site of site.yaml until Ctrl-C; exit codes 0 ended, 1 the loop failed, 2 wrong input."""
    parser = argparse.ArgumentParser(prog="reuse-edge run", description="Control the site of a settings file.")
    parser.add_argument("site", help="site.yaml")
    parser.add_argument("--state", default="state", metavar="DIR", help="folder of the saved state (default: state)")
    parser.add_argument("--trace", metavar="FILE", help="write one line of integers per step")
    args = parser.parse_args(argv)
    settings = load_site(args.site)
    tables = tables_of(settings, args.site)
    os.makedirs(args.state, exist_ok=True)
    trace = open(args.trace, "w", encoding="utf-8") if args.trace else None
    try:
        return asyncio.run(gateway.run(settings, args.state, tables.__getitem__, trace, _say))
    finally:
        if trace:
            trace.close()


def _say(text):
    print(text, file=sys.stderr, flush=True)
