# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Run pytest-style test files under MicroPython: micropython mprun.py FILE...

Every function test_* of every file is called, in the order of its name. A failed one prints its traceback;
the last line says how many passed and failed; the exit code is 1 when one failed.
"""

import gc
import sys


def run(path):
    """(passed, failed) of one file."""
    folder, _, name = path.rpartition("/")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = __import__(name[:-3])
    passed = failed = 0
    for key in sorted(dir(module)):
        test = getattr(module, key)
        if not key.startswith("test_") or not callable(test):
            continue
        gc.collect()
        try:
            test()
            passed += 1
        except KeyboardInterrupt:
            raise
        except Exception as error:
            failed += 1
            print("FAILED %s::%s" % (name, key))
            sys.print_exception(error)
    return passed, failed


def main(paths):
    """Run all files; print the counts; return the exit code."""
    passed = failed = 0
    for path in paths:
        good, bad = run(path)
        passed += good
        failed += bad
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
