# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The controller without waiting: every wire is answered at once by whoever drives the time.

Rig builds the controller's side of a site (devices, gate, actuator, loop) exactly as the other start-up
files do, but a caller says what time it is and answers the requests. The simulator uses Rig in its own
process; main() runs one inside a MicroPython VM, driven over stdin and stdout by binary frames.

Frames: 4 bytes length (big-endian), then the payload; its first byte is the kind.
to the VM    INIT: JSON {"settings", "state"}.  STEP: now_ms, utc_s (-1 unknown), clock quality, then for
             each device one status byte and, when it answers, per block 2 bytes length and its data.
             POLL: the same as STEP, but the core does not step: only what is due on the wires is done.
from the VM  after STEP wake_ms, count of records, the writes that the gate let out, the step's trace, its commands;
             after POLL the writes alone.
"""

import json
import sys
from struct import pack, unpack_from

from bms_bridge import modbus
from bms_bridge.tables import load
from edge.core.site import Site
from edge.core.tx_gate import SENT
from edge.loop import loop
from edge.shell.store import number_in, pieces
from edge.shell.wiring import Wiring

SILENT = 0
ANSWERS = 1
HANGS = 2

INIT = 1
STEP = 2
POLL = 3

# None inside a row of 64-bit integers.
NONE = -0x8000000000000000
# More requests than this in one instant would mean that a device asks without end.
MOST_REQUESTS = 64


class Clock:
    """Clock port that is set from outside. quality as in the settings of the start-up files (3 = NTP)."""

    def __init__(self):
        self.at_ms = 0
        self.wall = (None, 0)

    def now_ms(self):
        """Monotonic milliseconds as set."""
        return self.at_ms

    def utc_s(self):
        """(UTC seconds or None, quality) as set."""
        return self.wall


class ListUplink:
    """Uplink port that keeps what it is offered. keep: how many of the newest records stay readable."""

    def __init__(self, keep=200):
        self.keep = keep
        self.records = []
        self.seq = 0
        self.pending = []
        self.connected = True
        self.backlog = 0
        self.last_ack_ms = None
        self.lost = 0

    def offer(self, record):
        """Take record at once; its sequence number."""
        self.seq += 1
        if self.keep:
            self.records.append((self.seq, record))
            if len(self.records) > 2 * self.keep:
                self.records = self.records[-self.keep :]
        return self.seq

    def orders(self):
        """Orders that waited, a list of bytes; each is given once."""
        pending = self.pending
        self.pending = []
        return pending


class DictStore:
    """Store port in memory: the state survives as text, as it would in a file."""

    def __init__(self, state=None):
        self.text = None if state is None else json.dumps(state)
        self.saves = 0
        self.saved = number_in(state)

    def load(self):
        """The saved state as a dict, or None."""
        return None if self.text is None else json.loads(self.text)

    def save(self, state):
        """Keep state."""
        self.text = "".join(pieces(state))
        self.saves += 1
        self.saved = number_in(state)


class Rig:
    """The controller's side of one site. settings: checked dict. state: saved state or None.

    devices: packs, PCS, meter in the order of the settings. wires: object with status(device),
    block(device, index) -> bytes and write(device, address, data) -> bool, as simulator.world.World has.
    """

    def __init__(self, settings, state, wires, keep=200):
        self.wires = wires
        self.clock = Clock()
        self.uplink = ListUplink(keep)
        self.store = DictStore(state)
        wiring = Wiring(settings, load, self.clock)
        self.devices = wiring.devices
        for device in self.devices:
            if hasattr(device, "reader"):
                device.reader.one_block_each()  # the wires carry whole blocks
        self.relays = wiring.relays  # polled behind the devices
        self.actuators = wiring.actuators
        self.told = wiring.told
        self.gate = wiring.pcs.gate
        self.pcs_index = len(settings["packs"])
        self.tid = 0
        self.site = None
        self.outcome = None
        self.generator = self.steps(settings)

    def steps(self, settings, verify=None):
        """The loop of the site of settings; made when it begins. verify: of its orders, or None."""
        site = Site(settings, self.store.load(), verify)
        yield from loop(site, self.clock, self.devices, self.actuators, self.store, self.uplink, self._seen)

    def _seen(self, site, outcome):
        self.site = site
        self.outcome = outcome
        for told in self.told:
            told(site, outcome)

    def set_time(self, now_ms, utc_s, quality):
        """Set the clock of this rig."""
        self.clock.at_ms = now_ms
        self.clock.wall = (utc_s, quality)

    def poll(self):
        """Do every request that is due now, on every device."""
        for index in range(len(self.devices) + len(self.relays)):
            self._serve(index)

    def flush(self):
        """Do what is due at the PCS alone: the writes that the last step caused."""
        self._serve(self.pcs_index)
        for index in range(len(self.relays)):
            self._serve(len(self.devices) + index)

    def _serve(self, index):
        """Every request of one device; one that hangs is left alone, as a hung line would."""
        now_ms = self.clock.at_ms
        device = (self.devices + self.relays)[index] if self.relays else self.devices[index]
        status = self.wires.status(index)
        if status == HANGS:
            return
        for _ in range(MOST_REQUESTS):
            request = device.next_request(now_ms)
            if request is None:
                return
            self._exchange(now_ms, index, device, request, status)

    def _exchange(self, now_ms, index, device, request, status):
        if request.data is not None:
            self._write(now_ms, index, device, request, status)
        elif status == ANSWERS:
            device.reply(now_ms, request, self.wires.block(index, request.index))
        else:
            device.failed(now_ms, request, modbus.TIMEOUT)

    def _write(self, now_ms, index, device, request, status):
        """A write takes the whole way: framed, judged by the gate, and taken from the bytes that left."""
        self.tid = self.tid + 1 & 0xFFFF
        frame = modbus.tcp_request(self.tid, request)
        left = []
        if (device.gate or self.gate).send(now_ms, frame, left.append) != SENT:
            device.failed(now_ms, request, modbus.REFUSED)
        elif status != ANSWERS:
            device.failed(now_ms, request, modbus.TIMEOUT)
        else:
            address = unpack_from(">H", left[0], 8)[0]
            if request.function == 5:
                good = self.wires.coil(index, address, left[0][10] == 0xFF)
            else:
                good = self.wires.write(index, address, left[0][13:])
            if good:
                device.reply(now_ms, request, b"")
            else:
                device.failed(now_ms, request, modbus.EXCEPTION + 2)

    def turn(self):
        """Poll, step the loop once at the time that was set, send what it commanded; returns wake_ms."""
        self.poll()
        wake_ms = next(self.generator)
        self.flush()
        return wake_ms

    def close(self):
        """End the loop as a stop would: zero to every actuator, state saved, and the zero sent."""
        self.generator.close()
        self.flush()


def _row(values):
    """Integers (None allowed) as count and 64-bit values."""
    return pack(">H", len(values)) + pack(">%dq" % len(values), *[NONE if v is None else v for v in values])


class Remote:
    """The wires of a rig whose world is at the other end of the pipe."""

    def __init__(self, counts):
        self.counts = counts  # blocks per device
        self.states = []
        self.blocks = []
        self.writes = []

    def take(self, payload, at):
        """Read the devices' part of a STEP payload from position `at` on."""
        self.states = []
        self.blocks = []
        self.writes = []
        for count in self.counts:
            status = payload[at]
            at += 1
            blocks = []
            if status == ANSWERS:
                for _ in range(count):
                    size = payload[at] << 8 | payload[at + 1]
                    blocks.append(payload[at + 2 : at + 2 + size])
                    at += 2 + size
            self.states.append(status)
            self.blocks.append(blocks)

    def status(self, device):
        """How device meets a request in this step."""
        return self.states[device]

    def block(self, device, index):
        """Bytes of that block in this step."""
        return self.blocks[device][index]

    def write(self, device, address, data):
        """Remember the write; the world applies it when this step's answer arrives."""
        self.writes.append(pack(">BHH", device, address, len(data)) + data)
        return True


def read_exactly(stream, size):
    """size bytes from stream; fewer when it ended."""
    data = stream.read(size)
    while data and len(data) < size:
        more = stream.read(size - len(data))
        if not more:
            break
        data += more
    return data


def written(writes):
    """The writes of this exchange as the world reads them."""
    return pack(">H", len(writes)) + b"".join(writes)


def answer_of(rig, outcome, wake_ms):
    """Payload that tells the world what this step did."""
    writes = rig.wires.writes
    parts = [pack(">qI", wake_ms, rig.uplink.seq), written(writes)]
    parts.append(_row(rig.site.trace(outcome)))
    parts.append(pack(">B", len(outcome.commands)))
    for c in outcome.commands:
        parts.append(
            _row(
                (
                    c.target,
                    c.charge_ma,
                    c.discharge_ma,
                    c.charge_mv,
                    c.pack_mv,
                    c.precharge,
                    c.contactor,
                    c.valid_until_ms,
                    c.decision,
                )
            )
        )
    return b"".join(parts)


def main():
    """Serve one site over stdin and stdout until stdin ends."""
    source = sys.stdin.buffer
    sink = sys.stdout.buffer
    rig = None
    while True:
        head = read_exactly(source, 4)
        if not head or len(head) < 4:
            return
        payload = read_exactly(source, unpack_from(">I", head, 0)[0])
        if payload[0] == INIT:
            first = json.loads(payload[1:].decode())
            settings = first["settings"]
            names = [row["profile"] for row in settings["packs"]] + [settings["pcs"]["profile"]]
            if settings.get("meter"):
                names.append(settings["meter"]["profile"])
            rig = Rig(settings, first["state"], Remote([len(load(name).BLOCKS) for name in names]), 0)
            body = b""
        else:
            now_ms, utc_s, quality = unpack_from(">qqB", payload, 1)
            rig.set_time(now_ms, None if utc_s < 0 else utc_s, quality)
            rig.wires.take(payload, 18)
            if payload[0] == POLL:
                rig.poll()
                body = written(rig.wires.writes)
            else:
                wake_ms = rig.turn()
                body = answer_of(rig, rig.outcome, wake_ms)
        sink.write(pack(">I", len(body)) + body)
        sink.flush()


if __name__ == "__main__":
    main()
