# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What one controller takes of the heap; runs in a MicroPython VM on a shortened bundle, see memory.py.

In pieces, because a VM in WebAssembly collects only between two calls from outside.
"""

import gc
import json
import sys
from struct import unpack_from

LENGTH = 4


class Measured:
    """path: file of the recorded frames for edge.shell.pipe."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.used = [0] * 1000  # made before anything is measured
        self.count = 0
        self.rig = self.pipe = self.first = None
        gc.collect()
        self.before = gc.mem_alloc()

    def code(self):
        """Import what a board with this site has imported when it runs."""
        import edge.shell.board  # noqa: F401
        from bms_bridge.tables import load
        from edge.shell import board_start, pipe

        self.pipe = pipe
        self.first = self.frame()
        settings = json.loads(self.first[1:].decode())["settings"]
        board_start.serve_line(settings["links"][0])
        for device in devices_of(settings):
            load(device["profile"])

    def modules(self):
        """Tell the names of our modules that are loaded now."""
        for name in sys.modules:
            if name.split(".")[0] in ("edge", "bms_bridge"):
                print("loaded " + name)

    def room_begins(self):
        """From now on the modules of one room are imported; those that it needs from others are there."""
        gc.collect()
        self.before = gc.mem_alloc()

    def begin(self):
        """Make the controller."""
        from bms_bridge.tables import load

        first = json.loads(self.first[1:].decode())
        self.first = None
        counts = [len(load(device["profile"]).BLOCKS) for device in devices_of(first["settings"])]
        self.rig = self.pipe.Rig(first["settings"], first["state"], self.pipe.Remote(counts), 0)

    def forget(self):
        """Let go what a board lets go after its start and first step, and what only the rig keeps: the saved state."""
        from edge.shell.board import forget, forget_cells

        self.pipe.Wiring = None
        for name in ("edge.shell.board_start", "edge.shell.wiring", "edge.shell.started", "edge.core.nameplate"):
            forget(name)
        forget_cells({"packs": []})
        self.rig.store.text = None

    def frame(self):
        """The next recorded frame."""
        return self.file.read(unpack_from(">I", self.file.read(LENGTH), 0)[0])

    def steps(self, count, collect):
        """Do so many steps and note what each allocates. collect: after each."""
        self.count = 0
        for _ in range(count):
            payload = self.frame()
            now_ms, utc_s, quality = unpack_from(">qqB", payload, 1)
            self.rig.set_time(now_ms, utc_s, quality)
            self.rig.wires.take(payload, 18)
            payload = None
            held = gc.mem_alloc()
            self.rig.turn()
            self.used[self.count] = gc.mem_alloc() - held
            self.count += 1
            if collect:
                gc.collect()

    def told(self, name):
        """Tell what is held now."""
        gc.collect()
        row(name, gc.mem_alloc() - self.before)

    def steps_told(self):
        """Tell what the steps allocated: the median, the mean and the most."""
        used = sorted(self.used[: self.count])
        row("step", used[len(used) // 2])
        row("step_mean", sum(used) // len(used))
        row("step_most", used[-1])


def devices_of(settings):
    """The devices of a site in the order of pipe.Rig."""
    return settings["packs"] + [settings[name] for name in ("pcs", "meter") if settings.get(name)]


def row(name, value):
    """One line for memory.py."""
    print("%s=%d" % (name, value))


def whole(path, warm, measured):
    """All of it in one call, for a VM that collects at once."""
    made = Measured(path)
    made.code()
    made.told("code")
    made.modules()
    made.begin()
    made.told("started")
    made.steps(warm, True)
    made.forget()
    made.told("running")
    gc.disable()
    made.steps(measured, False)
    made.steps_told()


def by_room(path, groups):
    """Tell what each room of groups [(room, names of its modules), ...] keeps of the heap as code."""
    made = Measured(path)
    for room, names in groups:
        made.room_begins()
        for name in names:
            __import__(name)
        made.told(room)


def main(frames, image, warm, measured, groups=None):
    """image: of a ROMFS with the code, or "". groups: file with JSON for by_room, which is then done instead."""
    if image:
        import vfs

        with open(image, "rb") as file:
            vfs.mount(vfs.VfsRom(file.read()), "/rom")
        sys.path.insert(0, "/rom")
    if groups is None:
        whole(frames, int(warm), int(measured))
    else:
        with open(groups, encoding="utf-8") as text:
            by_room(frames, json.load(text))


if __name__ == "__main__":
    main(*sys.argv[1:])
