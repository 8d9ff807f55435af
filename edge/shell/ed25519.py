# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Ed25519 signatures (RFC 8032) verified in slices: a generator that a control task can interrupt at every yield.

Python integers alone: nothing of this is constant in time, and nothing of it is secret. Imported only while an update
is verified.
"""

P = (1 << 255) - 19
ORDER = (1 << 252) + 27742317777372353535851937790883648493
D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
D2 = 2 * D
ROOT = 19681161376707505956807079304988542015446066515923890162744021073123829784752  # of -1
BASE = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)
WORD = (1 << 64) - 1
SLICE = 5  # steps between two yields


def primes(count):
    """The first prime numbers, in slices: the generator's result."""
    found = []
    number = 2
    while len(found) < count:
        for each in found:
            if number % each == 0:
                break
        else:
            found.append(number)
            yield
        number += 1
    return found


def fraction(number, root):
    """The first 64 bits behind the point of the square (2) or cube (3) root of a small number."""
    wanted = number << (64 * root)
    low, high = 0, 1 << 70
    while low + 1 < high:
        middle = (low + high) // 2
        if middle**root <= wanted:
            low = middle
        else:
            high = middle
    return low & WORD


def sha512(data):
    """SHA-512 of bytes, in slices: the generator's result is the digest."""
    numbers = yield from primes(80)
    table = []
    for number in numbers:
        table.append(fraction(number, 3))
        yield
    state = []
    for number in numbers[:8]:
        state.append(fraction(number, 2))
        yield
    length = len(data)
    data += b"\x80" + bytes((111 - length) % 128) + (8 * length).to_bytes(16, "big")
    for at in range(0, len(data), 128):
        words = [int.from_bytes(data[at + i : at + i + 8], "big") for i in range(0, 128, 8)]
        own = list(state)
        for step in range(80):
            own = _round(own, words, table[step], step)
            if step % SLICE == 0:
                yield
        state = [(state[i] + own[i]) & WORD for i in range(8)]
    return b"".join([word.to_bytes(8, "big") for word in state])


def _turn(word, bits):
    return (word >> bits | word << (64 - bits)) & WORD


def _round(own, words, constant, step):
    """One step of SHA-512; words holds the last 16 of the message's schedule."""
    word = words[step % 16]
    a, b, c, d, e, f, g, h = own
    big = _turn(e, 14) ^ _turn(e, 18) ^ _turn(e, 41)
    one = h + big + (e & f ^ ~e & WORD & g) + constant + word
    big = _turn(a, 28) ^ _turn(a, 34) ^ _turn(a, 39)
    two = big + (a & b ^ a & c ^ b & c)
    near, far = words[(step + 1) % 16], words[(step + 14) % 16]
    near = _turn(near, 1) ^ _turn(near, 8) ^ near >> 7
    far = _turn(far, 19) ^ _turn(far, 61) ^ far >> 6
    words[step % 16] = (word + near + words[(step + 9) % 16] + far) & WORD
    return [(one + two) & WORD, a, b, c, (d + one) & WORD, e, f, g]


def power(number, exponent):
    """number ** exponent modulo P, in slices: the generator's result."""
    result = 1
    for bit in range(254, -1, -1):
        result = result * result % P
        if exponent >> bit & 1:
            result = result * number % P
        if bit % SLICE == 0:
            yield
    return result


def point_of(data):
    """The point (x, y) in 32 bytes, in slices; None when they are none."""
    y = int.from_bytes(data, "little")
    odd, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    above, below = (y * y - 1) % P, (D * y * y + 1) % P
    cube = below * below * below % P
    root = yield from power(above * cube * cube * below % P, (P - 5) // 8)
    x = above * cube * root % P
    if below * x * x % P != above:
        x = x * ROOT % P
        if below * x * x % P != above:
            return None
    if x == 0 and odd:
        return None
    return (P - x if x & 1 != odd else x), y


def _sum(one, other):
    """The sum of two points in extended coordinates."""
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    a = (y1 - x1) * (y2 - x2) % P
    b = (y1 + x1) * (y2 + x2) % P
    c = D2 * t1 * t2 % P
    d = 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _double(one):
    """Twice a point in extended coordinates."""
    x, y, z, _ = one
    a, b = x * x % P, y * y % P
    h = a + b
    e = h - (x + y) * (x + y) % P
    g = a - b
    f = 2 * z * z % P + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def _extended(x, y):
    return x, y, 1, x * y % P


def verify(key, message, signature):
    """True when signature (64 bytes) of message was made with the private half of key (32 bytes), in slices: the
    generator's result. Any bytes may come; nothing is raised."""
    if len(key) != 32 or len(signature) != 64:
        return False
    number = int.from_bytes(signature[32:], "little")
    if number >= ORDER:
        return False
    point = yield from point_of(key)
    if point is None:
        return False
    digest = yield from sha512(signature[:32] + key + message)
    scalar = int.from_bytes(digest, "little") % ORDER
    base, minus = _extended(BASE[0], BASE[1]), _extended(P - point[0], point[1])
    terms = (None, base, minus, _sum(base, minus))
    total = (0, 1, 1, 0)
    for bit in range(252, -1, -1):
        total = _double(total)
        chosen = terms[(number >> bit & 1) + 2 * (scalar >> bit & 1)]
        if chosen is not None:
            total = _sum(total, chosen)
        if bit % 2 == 0:
            yield
    inverse = yield from power(total[2], P - 2)
    x, y = total[0] * inverse % P, total[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]
