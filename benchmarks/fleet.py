# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""One gateway reads 20 packs of 200 points once a second: CPU, memory, requests, age of what arrives.

python -m benchmarks.fleet [--seconds 60] [--packs 20] [--peer]     (by hand; nothing is asserted)

The packs are Modbus TCP servers in a process of their own (benchmarks.fleet_site), the backend is a
mosquitto broker and a subscriber in this process. Each gateway runs alone, one after the other, against
the same servers and the same broker. --peer also runs thingsboard-gateway in an environment made for it
(benchmarks.fleet_peer). POSIX with /proc. Columns:

CPU        share of one core, every thread and child process, while measured
MB         highest resident memory since the start (VmHWM)
req/s      reads that the packs answered
points/s   values that arrived at the subscriber
delay p99  age of a value when it arrived, from the answer of the pack to the subscriber
age p99    age of the newest value that the subscriber has, looked at every 50 ms: with the wait for the next
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time

import paho.mqtt.client as paho

from benchmarks import fleet_ours, fleet_peer
from benchmarks.fleet_pack import write_profile
from benchmarks.fleet_site import SiteProcess
from simulator.broker import Broker

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WARM_S = 15.0
FIRST_S = 120.0
LOOK_S = 0.05


def processes(pid):
    """pid and every process below it."""
    found = [pid]
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open("/proc/%s/stat" % name, encoding="utf-8") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += processes(int(name))
    return found


def cpu_s(pid):
    """CPU seconds of pid and its children so far."""
    ticks = 0
    for number in processes(pid):
        with open("/proc/%d/stat" % number, encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pid):
    """Highest resident memory of pid and its children, MB."""
    kb = 0
    for number in processes(pid):
        with open("/proc/%d/status" % number, encoding="utf-8") as file:
            kb += sum(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    return kb / 1024


def share(values, percent):
    """That percentile of values, None without any."""
    values = sorted(values)
    return values[min(len(values) - 1, len(values) * percent // 100)] if values else None


class Subscriber:
    """What arrives at the broker. kind: the gateway's Arrivals (topic and take)."""

    def __init__(self, port, kind, site):
        self.kind = kind
        self.site = site
        self.lock = threading.Lock()
        self.newest = {}  # pack: stamp
        self.clear()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="bench")
        self.client.on_connect = lambda client, *_: client.subscribe(kind.topic, qos=1)
        self.client.on_message = self._arrived
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def clear(self):
        """Begin to count afresh."""
        self.points, self.messages, self.delays, self.inside = 0, 0, [], []

    def _arrived(self, client, _userdata, message):
        found = self.kind.take(client, message)
        with self.lock:
            self.messages += 1
            for pack, points, stamp, inside_ms in found:
                self.points += points
                if stamp is not None:
                    self.newest[pack] = stamp
                    self.delays.append(self.site.age_ms(stamp))
                if inside_ms is not None:
                    self.inside.append(inside_ms)

    def ages(self):
        """Age of the newest value of every pack, ms."""
        with self.lock:
            return [self.site.age_ms(stamp) for stamp in self.newest.values()]

    def stop(self):
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()


def measure(child, site, subscriber, packs, seconds):
    """One row of figures of the running gateway child, after every pack has arrived and the warm-up."""
    deadline = time.monotonic() + FIRST_S
    while len(subscriber.newest) < packs and time.monotonic() < deadline and child.poll() is None:
        time.sleep(LOOK_S)
    seen = len(subscriber.newest)
    time.sleep(WARM_S)
    if child.poll() is not None:
        raise RuntimeError("the gateway ended with code %d" % child.returncode)
    with subscriber.lock:
        subscriber.clear()
    before_s, requests, started = cpu_s(child.pid), site.requests(), time.monotonic()
    ages = []
    while time.monotonic() - started < seconds:
        time.sleep(LOOK_S)
        ages += subscriber.ages()
    span_s = time.monotonic() - started
    with subscriber.lock:
        delays, points, inside = subscriber.delays, subscriber.points, subscriber.inside
    return {
        "cpu": (cpu_s(child.pid) - before_s) / span_s,
        "mb": memory_mb(child.pid),
        "requests": (site.requests() - requests) / span_s,
        "points": points / span_s,
        "delay": share(delays, 99),
        "age": share(ages, 99),
        "inside": share(inside, 99),
        "packs": seen,
    }


def run(name, command, environment, folder, arrivals, broker_port, site, options):
    """Start one gateway, measure it, end it and print its row."""
    subscriber = Subscriber(broker_port, arrivals, site)
    with open(os.path.join(folder, "log.txt"), "ab") as log:
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            row = measure(child, site, subscriber, options.packs, options.seconds)
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            subscriber.stop()
    figures = tuple("-" if row[k] is None else "%.0f" % row[k] for k in ("delay", "age"))
    print(
        "%-34s %6.1f %% %6.1f %8.1f %9.1f %9s ms %7s ms  %s"
        % (name, 100 * row["cpu"], row["mb"], row["requests"], row["points"], *figures, remark(row, options.packs)),
        flush=True,
    )


def remark(row, packs):
    """What the columns do not say."""
    texts = []
    if row["inside"] is not None:
        texts.append("age at the decision: p99 %d ms" % row["inside"])
    if row["packs"] < packs:
        texts.append("only %d of %d packs arrived" % (row["packs"], packs))
    return "; ".join(texts)


def machine():
    """One line about this computer."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return "%s, %d cores, Linux %s, CPython %s" % (
        models[0] if models else platform.machine(),
        os.cpu_count(),
        platform.release(),
        platform.python_version(),
    )


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="measured time of each gateway, after 15 s")
    parser.add_argument("--packs", type=int, default=20)
    parser.add_argument("--peer", action="store_true", help="also thingsboard-gateway 3.8 (installs it)")
    parser.add_argument("--peer-venv", metavar="DIR", help="keep its environment here, or use the one that is there")
    parser.add_argument("--folder", help="keep settings and logs here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, Broker("mosquitto") as broker:
        folder = os.path.abspath(options.folder or temporary)
        os.makedirs(folder, exist_ok=True)
        gateways = []
        with SiteProcess(options.packs, write_profile(folder)) as site:
            path = fleet_ours.write_site(folder, site.ports, broker.port)
            here = dict(os.environ, PYTHONPATH=ROOT)
            state = os.path.join(folder, "state")
            product = [sys.executable, "-m", "host_tools.cli", "run", path, "--state", state]
            reader = [sys.executable, "-m", "benchmarks.fleet_ours", path]
            gateways.append(("reuse-edge run, control", product, here, folder, fleet_ours.Arrivals()))
            gateways.append(("reading and reporting only", reader, here, folder, fleet_ours.Arrivals()))
            if options.peer:
                gateways += fleet_peer.gateways(folder, options.peer_venv, site.ports[:-2], broker.port)
            print(machine())
            print("%-34s %8s %6s %8s %9s %12s %10s" % ("", "CPU", "MB", "req/s", "points/s", "delay p99", "age p99"))
            for row in gateways:
                run(*row, broker.port, site, options)


if __name__ == "__main__":
    main()
