# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Modbus framing without I/O: Modbus Application Protocol V1.1b3, Modbus over Serial Line V1.02.

A PDU is function code and data. The master's side only: reads FC01-FC04 and the writes FC05, FC06 and FC16.
"""

from struct import pack, unpack_from

TCP_MAX = 260  # largest frame on TCP: 7 bytes of header and 253 of PDU
RTU_MAX = 256
FUNCTIONS = (1, 2, 3, 4, 5, 6, 16)  # what this product asks for

# Why an exchange failed. From EXCEPTION on: the device's exception code added.
TIMEOUT = 1
LINK_DOWN = 2
REFUSED = 3  # by the gate
BAD_REPLY = 4
EXCEPTION = 0x100


def _crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
        table.append(value)
    return tuple(table)


_CRC = _crc_table()


def crc16(data):
    """CRC-16 of data (bytes) as an integer; it travels low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc


def read_pdu(function, address, count):
    """Request PDU that reads count coils or registers from address. function: 1 to 4."""
    return pack(">BHH", function, address, count)


def write_pdu(address, data):
    """Request PDU that writes the registers in data (bytes, two per register) from address: FC16."""
    return pack(">BHHB", 16, address, len(data) // 2, len(data)) + data


def request_pdu(request):
    """Request PDU of a bms_bridge.poll.Request."""
    if request.function == 16:
        return write_pdu(request.address, request.data)
    if request.function in (5, 6):
        return pack(">BH", request.function, request.address) + request.data
    return read_pdu(request.function, request.address, request.count)


def answer_unit(unit):
    """The unit id that an answer carries. unit: of a Request, with a differing one in its next higher byte."""
    return unit >> 8 or unit


def tcp_frame(transaction, unit, pdu):
    """Frame for Modbus TCP. transaction: 0 to 65535."""
    return pack(">HHHB", transaction, 0, len(pdu) + 1, unit & 0xFF) + pdu


def tcp_request(transaction, request):
    """Frame of a bms_bridge.poll.Request for Modbus TCP: tcp_frame of its request_pdu, in fewer pieces."""
    unit, function = request.unit & 0xFF, request.function
    address, data = request.address, request.data
    if data is None:
        return pack(">HHHBBHH", transaction, 0, 6, unit, function, address, request.count)
    if function == 16:
        size = len(data)
        return pack(">HHHBBHHB", transaction, 0, 7 + size, unit, 16, address, size // 2, size) + data
    return tcp_frame(transaction, unit, request_pdu(request))


def tcp_parse(buffer):
    """First frame in buffer (bytes from a stream).

    None when more bytes are needed; else (transaction, unit, pdu, used). used: how many bytes the
    frame took; 0 means that this is not Modbus TCP and the connection must be given up.
    """
    if len(buffer) < 8:
        return None
    transaction, protocol, length, unit = unpack_from(">HHHB", buffer, 0)
    if protocol or length < 3 or length > TCP_MAX - 6:
        return 0, 0, b"", 0
    if len(buffer) < 6 + length:
        return None
    return transaction, unit, bytes(buffer[7 : 6 + length]), 6 + length


def rtu_frame(unit, pdu):
    """Frame for a serial line, CRC included."""
    frame = bytes((unit & 0xFF,)) + pdu
    crc = crc16(frame)
    return frame + bytes((crc & 0xFF, crc >> 8))


def rtu_parse(buffer, unit, function):
    """The answer of unit to a request with function (None: any that we ask), anywhere in buffer (bytes from a
    serial line).

    None when none is complete; else (pdu, used). Noise in front (a line driver that turns around
    often leaves a zero byte), answers of other units and frames with a wrong CRC are passed over.
    """
    for start in range(len(buffer) - 4):
        if buffer[start] != unit:
            continue
        code = buffer[start + 1]
        asked = code & 0x7F
        if asked != function if function is not None else asked not in FUNCTIONS:
            continue
        if code & 0x80:
            end = start + 5
        elif code in (5, 6, 16):
            end = start + 8
        else:
            end = start + 5 + buffer[start + 2]
        if end > len(buffer):
            continue
        crc = crc16(buffer[start : end - 2])
        if buffer[end - 2] == crc & 0xFF and buffer[end - 1] == crc >> 8:
            return bytes(buffer[start + 1 : end - 2]), end
    return None


def data_size(function, count):
    """Bytes of data in a good answer to a read of count coils (FC01, FC02) or registers (FC03, FC04)."""
    return (count + 7) // 8 if function <= 2 else 2 * count


def reply_data(request, pdu):
    """Data of the reply pdu (bytes) to request (bms_bridge.poll.Request): (data, 0), or (None, reason).

    A write gives (b"", 0). Every length and echo is checked; a wrong one is BAD_REPLY.
    """
    reason = reply_reason(request, pdu)
    if reason:
        return None, reason
    return (b"" if request.function in (5, 6, 16) else pdu[2:]), 0


def reply_reason(request, pdu):
    """0 when pdu (bytes) is a good reply to request, else why not."""
    if len(pdu) < 2:
        return BAD_REPLY
    function = pdu[0]
    if function == request.function | 0x80:
        return EXCEPTION + pdu[1]
    if function != request.function:
        return BAD_REPLY
    if function == 16:
        return 0 if pdu == pack(">BHH", 16, request.address, request.count) else BAD_REPLY
    if function in (5, 6):
        return 0 if pdu == request_pdu(request) else BAD_REPLY
    size = data_size(function, request.count)
    return 0 if pdu[1] == size and len(pdu) == size + 2 else BAD_REPLY


def reason_text(reason):
    """A failure reason in words for a log line."""
    if reason >= EXCEPTION:
        return "exception %d" % (reason - EXCEPTION)
    return ("ok", "time-out", "link down", "refused by the gate", "bad reply")[reason]
