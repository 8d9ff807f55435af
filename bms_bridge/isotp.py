# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""ISO-TP (ISO 15765-2) without I/O: the side that asks with one frame and takes a long answer.

Normal and extended addressing, CAN classic (8 bytes) and CAN FD (up to 64). The sequence number of the
consecutive frames wraps from 15 to 0: frame 2F is followed by frame 20.

Extended addressing: the first byte of every frame says whom it is for, so a frame carries one byte less.
to, address: that byte as bytes of length 1, b"" for normal addressing.
"""

WAIT = 0  # nothing to do yet
FLOW = 1  # send the flow control frame now
DONE = 2  # payload is whole
BROKEN = 3  # the answer is of no use; everything collected is dropped

TIMEOUT_MS = 1000  # N_Bs and N_Cr: longest wait for the next frame
LIMIT = 4095  # longest answer that is collected


def single_frame(payload, pad, size=8, to=b""):
    """The frame that carries payload (1 to 7 bytes), filled with the byte pad up to size.

    Raises ValueError when payload does not fit.
    """
    room = size - len(to)
    if not 0 < len(payload) < room or len(payload) > 7:
        raise ValueError("%d bytes do not fit" % len(payload))
    return to + bytes((len(payload),)) + payload + bytes((pad,)) * (room - 1 - len(payload))


def flow_frame(flow, pad, size=8, to=b""):
    """The flow control frame: flow (3 bytes: 30, block size, gap), filled with pad."""
    return to + flow + bytes((pad,)) * (size - len(to) - len(flow))


def segments(payload, pad, size=8, to=b""):
    """All frames of an answer, as a device sends them: one frame, or first and consecutive ones.

    size: bytes of a full frame, 8 or 64. A last frame is filled with pad.
    """
    if len(payload) <= 7 - len(to):
        return [single_frame(payload, pad, 8, to)]
    head = len(to)
    room = size - head
    if size > 8 and len(payload) <= room - 2:
        full = _fd_size(len(payload) + 2 + head) - 2 - head
        return [to + bytes((0, len(payload))) + payload + bytes((pad,)) * (full - len(payload))]
    frames = [to + bytes((0x10 | len(payload) >> 8, len(payload) & 0xFF)) + payload[: room - 2]]
    at = room - 2
    number = 1
    while at < len(payload):
        frame = to + bytes((0x20 | number & 0xF,)) + payload[at : at + room - 1]
        full = size if size == 8 else _fd_size(len(frame))
        frames.append(frame + bytes((pad,)) * (full - len(frame)))
        at += room - 1
        number += 1
    return frames


def _fd_size(length):
    """The next size that a CAN FD frame can have."""
    for size in (8, 12, 16, 20, 24, 32, 48, 64):
        if length <= size:
            return size
    return 64


class Receiver:
    """Collects one answer. flow: the first three bytes of the flow control frame (30, frames until the
    next one or 0, gap). address: with which every frame for us begins. After DONE the answer is in payload.
    """

    def __init__(self, flow, limit=LIMIT, address=b""):
        self._block = flow[1]
        self._limit = limit
        self._address = address
        self._least = 8 - len(address)
        self.payload = b""
        self.start(0)

    def start(self, now_ms):
        """Forget what was collected; the wait for an answer begins at now_ms."""
        self._data = None
        self._left = 0
        self._next = 0
        self._size = 0
        self._until_flow = 0
        self._since_ms = now_ms

    def expires_ms(self):
        """From this time on the other side has been silent for too long, monotonic ms."""
        return self._since_ms + TIMEOUT_MS + 1

    def expired(self, now_ms):
        """True when the other side has been silent for too long."""
        return now_ms >= self.expires_ms()

    def take(self, now_ms, data):
        """Enter one frame's data (bytes). Returns WAIT, FLOW, DONE or BROKEN."""
        if self._address:
            if data[:1] != self._address:
                return WAIT  # for somebody else
            data = data[1:]
        kind = data[0] >> 4 if data else 15
        if kind == 0:
            verdict = self._single(data)
        elif kind == 1:
            verdict = self._first(data)
        elif kind == 2:
            verdict = self._consecutive(data)
        else:
            return WAIT if kind == 3 else BROKEN
        if verdict == BROKEN:
            self.start(now_ms)
        else:
            self._since_ms = now_ms
        return verdict

    def _single(self, data):
        length = data[0] & 0xF
        start = 1
        if length == 0 and len(data) > self._least:
            length = data[1]
            start = 2
        if length == 0 or start + length > len(data):
            return BROKEN
        self._data = None
        self.payload = bytes(data[start : start + length])
        return DONE

    def _first(self, data):
        if len(data) < self._least:
            return BROKEN
        length = (data[0] & 0xF) << 8 | data[1]
        start = 2
        if length == 0:
            length = data[2] << 24 | data[3] << 16 | data[4] << 8 | data[5]
            start = 6
        if not len(data) - start < length <= self._limit:
            return BROKEN
        self._data = bytearray(data[start:])
        self._left = length - len(self._data)
        self._next = 1
        self._size = len(data)
        self._until_flow = self._block
        return FLOW

    def _consecutive(self, data):
        if self._data is None:
            return WAIT  # left over from an answer that was given up
        want = min(self._left, self._size - 1)
        if data[0] & 0xF != self._next or len(data) <= want:
            return BROKEN
        self._data.extend(data[1 : 1 + want])
        self._left -= want
        self._next = self._next + 1 & 0xF
        if self._left == 0:
            self.payload = bytes(self._data)
            self._data = None
            return DONE
        if self._block:
            self._until_flow -= 1
            if self._until_flow == 0:
                self._until_flow = self._block
                return FLOW
        return WAIT
