# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge service install|uninstall|status|logs`: the Linux gateway as a systemd service that comes back by itself.

The unit runs `reuse-edge run site.yaml` as a user of its own that can write nothing but its state. systemd restarts it
when it ends, and when the control loop has not had a good step for WatchdogSec (edge.shell.gateway_notify).
"""

import argparse
import os
import shlex
import shutil
import stat
import subprocess
import sys

from edge.core.settings import TLS_KEYS
from host_tools.site import load_site

NAME = "reuse-edge"
WATCHDOG_S = 5
PERIODS = 3  # a good step is missed so often before the watchdog bites
SYSTEM_FOLDER = "/etc/systemd/system"
USERS_FILE = "/etc/sysusers.d/reuse-edge.conf"
RUNNING = "/run/systemd/system"  # exists where systemd is process 1
# group: access to serial lines; Debian and Fedora say dialout, Arch says uucp
SERIAL_GROUPS = ("dialout", "uucp")
PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:=,@"

UNIT = """# Written by reuse-edge service install. Your own changes: systemctl {user}edit {name}
[Unit]
Description=reuse-edge controller of site {site}
After=network.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
WatchdogSec={watchdog_s}
Restart=always
RestartSec=2
TimeoutStartSec=60
TimeoutStopSec=30
KillSignal=SIGTERM
StateDirectory={name}
StateDirectoryMode=0750
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_CAN
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
{more}
[Install]
WantedBy={target}
"""

# Only where systemd itself may set it up: a service of a user has no right to it.
SYSTEM_ONLY = """User={name}
Group={name}
ProtectHome={home}
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectClock=yes
ProtectHostname=yes
CapabilityBoundingSet=
AmbientCapabilities=
OOMScoreAdjust=-900
DevicePolicy=closed
{devices}"""


class ServiceError(Exception):
    """Place, what is wrong, what to do; the exit code beside it."""

    def __init__(self, text, mend, exit_code=2):
        super().__init__("%s\n  → %s" % (text, mend))
        self.exit_code = exit_code


def quoted(word):
    """word as one argument of ExecStart: % and $ stand for themselves, spaces and quotes do not end it."""
    word = word.replace("%", "%%").replace("$", "$$")
    if word and all(sign in PLAIN or ord(sign) > 127 for sign in word.replace("%%", "").replace("$$", "")):
        return word
    return '"%s"' % word.replace("\\", "\\\\").replace('"', '\\"')


def command_of(site, state):
    """The words that start the controller: this Python, this installation, an absolute path of the site."""
    return [*ourselves(), "run", os.path.abspath(site), "--state", state]


def ourselves():
    """The words that start this command anywhere: the script beside this Python, or its module."""
    script = os.path.join(os.path.dirname(sys.executable), NAME)
    return [script] if os.access(script, os.X_OK) else [sys.executable, "-P", "-m", "host_tools.cli"]


def devices_of(settings):
    """The lines of the unit that let the controller reach its serial ports: those of the site and no other."""
    paths = [link.get("path") or "" for link in settings["links"]]
    absent = [path for path in paths if "/by-" in path and not os.path.exists(path)]  # not plugged in yet
    there = [path for path in paths if path.startswith("/dev/") and path not in absent]
    names = {os.path.basename(os.path.realpath(path)) for path in there}
    # a USB adapter that was pulled comes back under another number: its whole class, by the name of its driver
    classes = {"char-ttyUSB" if name.startswith("ttyUSB") else name for name in names}
    classes = {"char-ttyACM" if name.startswith("ttyACM") else name for name in classes}
    if absent:
        classes |= {"char-ttyUSB", "char-ttyACM"}
    lines = ["DeviceAllow=%s rw" % (each if each[:5] == "char-" else "/dev/" + each) for each in sorted(classes)]
    return lines + (["SupplementaryGroups=" + serial_group()] if lines else [])


def serial_group():
    """The group that may use serial lines on this machine."""
    import grp

    groups = [entry.gr_name for entry in grp.getgrall()]
    return next((group for group in SERIAL_GROUPS if group in groups), SERIAL_GROUPS[0])


def unreadable(paths):
    """Those of paths that the service's user cannot read: not its own, and closed to everybody else."""
    import pwd

    user = pwd.getpwnam(NAME)
    found = []
    for path in paths:
        mode = os.stat(path)
        owns = (mode.st_uid == user.pw_uid and stat.S_IRUSR) or (mode.st_gid == user.pw_gid and stat.S_IRGRP)
        if not mode.st_mode & (owns or stat.S_IROTH):
            found.append(path)
    return found


def make_user(site, settings):
    """Make the service's user, which owns nothing and may not log in. Raises ServiceError for files it cannot read."""
    write(USERS_FILE, 'u %s - "reuse-edge controller"\n' % NAME)
    if subprocess.call(["systemd-sysusers", USERS_FILE]):
        raise ServiceError("the user %s could not be made" % NAME, "systemd-sysusers says why", 1)
    uplink = settings["uplink"] or {}
    files = [os.path.abspath(site), *[uplink[key] for key in TLS_KEYS if uplink.get(key)]]
    closed = unreadable(files)
    if closed:
        mend = "sudo chown %s: %s" % (NAME, " ".join(shlex.quote(path) for path in closed))
        raise ServiceError("the user %s of the service cannot read %s" % (NAME, ", ".join(closed)), mend)


def unit_of(site, settings, user=False, name=NAME):
    """The text of the unit file. site: path of site.yaml; settings: what it says; user: a service of the user."""
    state = "%S/" + name
    words = [quoted(word) for word in command_of(site, "STATE")]
    words[-1] = state  # %S is the folder of all state: systemd fills it in
    home = "read-only" if os.path.abspath(site).startswith(("/home/", "/root/")) else "yes"
    if any(path.startswith(("/home/", "/root/")) for path in (sys.executable, os.path.abspath(__file__))):
        home = "read-only"
    more = "" if user else SYSTEM_ONLY.format(name=NAME, home=home, devices="\n".join([*devices_of(settings), ""]))
    return UNIT.format(
        user="--user " if user else "",
        name=name,
        site=settings["site"].replace("%", "%%"),
        command=" ".join(words),
        watchdog_s=max(WATCHDOG_S, -(-PERIODS * settings["period_ms"] // 1000)),
        more=more,
        target="default.target" if user else "multi-user.target",
    )


def folder_of(user):
    """Where unit files of the system, or of this user, are."""
    if not user:
        return SYSTEM_FOLDER
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.path.join(base, "systemd", "user")


def again_as_root(options):
    """The command that does the same as root."""
    words = [*ourselves(), "service", options.verb]
    if options.verb == "install":
        words.append(os.path.abspath(options.site))
    return "sudo " + " ".join(shlex.quote(word) for word in words)


def need_systemd():
    """Raise ServiceError where systemd does not run this machine."""
    if not os.path.isdir(RUNNING) or shutil.which("systemctl") is None:
        raise ServiceError(
            "this machine is not run by systemd",
            "start `reuse-edge run site.yaml` from what starts services here; --dry-run prints the unit all the same",
        )


def need_root(options):
    """Raise ServiceError with the exact command when the system's services are not ours to change."""
    if not options.user and os.geteuid() != 0:
        raise ServiceError("a service of the system is root's to change", "%s   (or --user)" % again_as_root(options))


def systemctl(options, *words):
    """Run systemctl; its exit code. It says itself what is wrong."""
    user = ["--user"] if options.user else []
    return subprocess.call(["systemctl", *user, *words])


def install(options):
    """Write the unit, start it now and at each boot; returns the exit code."""
    settings = load_site(options.site)
    text = unit_of(options.site, settings, options.user)
    if options.dry_run:
        print(text, end="")
        return 0
    need_systemd()
    need_root(options)
    if not options.user:
        make_user(options.site, settings)
    folder = folder_of(options.user)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, NAME + ".service")
    if write(path, text):
        say("wrote %s" % path)
    else:
        say("%s is as it should be" % path)
    for words in (("daemon-reload",), ("enable", NAME), ("restart", NAME)):
        if systemctl(options, *words):
            say("  → reuse-edge service logs")
            return 1
    say("%s runs, mode %s; live view: reuse-edge top" % (NAME, settings["mode"]))
    if options.user:
        say("  → it ends with your session; to have it run without one: sudo loginctl enable-linger $USER")
    return 0


def write(path, text):
    """Put text into path, whole or not at all; False when it was there already."""
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return False
    except FileNotFoundError:
        pass
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)
    return True


def uninstall(options):
    """Stop it and remove the unit; state and records stay. Returns the exit code."""
    path = os.path.join(folder_of(options.user), NAME + ".service")
    if options.dry_run:
        print("systemctl %sdisable --now %s\nrm %s" % ("--user " if options.user else "", NAME, path))
        return 0
    need_systemd()
    if not os.path.exists(path):
        raise ServiceError("%s: there is no such service" % path, "nothing to remove")
    need_root(options)
    code = systemctl(options, "disable", "--now", NAME)
    os.remove(path)
    systemctl(options, "daemon-reload")
    say("removed %s; state and records stay in the state folder (%s)" % (path, NAME))
    return 1 if code else 0


def status(options):
    """What systemd says of it: 0 it runs, 1 it does not."""
    need_systemd()
    return 1 if systemctl(options, "--no-pager", "--lines=5", "status", NAME) else 0


def logs(options):
    """Its lines in the journal of systemd."""
    need_systemd()
    words = ["journalctl", "--user-unit" if options.user else "--unit", NAME, "--no-pager", "--lines=100"]
    return 1 if subprocess.call(words + (["--follow"] if options.follow else [])) else 0


def say(text):
    """One line of talk on stderr."""
    print(text, file=sys.stderr, flush=True)


def parse(argv):
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="reuse-edge service",
        description="The controller as a systemd service of this Linux gateway.",
        epilog="exit codes: 0 done, 1 the service is not well, 2 wrong use or no systemd",
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, function, text in (
        ("install", install, "write the unit, start it now and at each boot"),
        ("uninstall", uninstall, "stop it and remove the unit; state and records stay"),
        ("status", status, "does it run"),
        ("logs", logs, "what it said"),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("--user", action="store_true", help="a service of this user; no root needed")
        verb.set_defaults(function=function)
        if name == "install":
            verb.add_argument("site", help="site.yaml")
        if name in ("install", "uninstall"):
            verb.add_argument("--dry-run", action="store_true", help="print what would be done, change nothing")
        if name == "logs":
            verb.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    return parser.parse_args(argv)


def main(argv):
    """`reuse-edge service ...`. Returns the exit code."""
    options = parse(argv)
    return options.function(options)
