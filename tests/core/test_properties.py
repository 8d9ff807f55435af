# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Properties of permits that no example can prove: never looser for worse input, and nothing past the gate."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import limits as lim
from edge.core import tx_gate as g
from edge.core.guard import guard, stale_limits
from edge.core.records import Command, Est
from edge.core.validate import Validator
from tests.both import core_help as h
from tests.both.test_can_gate import RULES as CAN_RULES
from tests.both.test_can_gate import fill
from tests.both.test_can_gate import frame as can_frame
from tests.both.test_core_gate import RULES, command, open_gate, read, rtu, tcp, write

FREE = h.FREE
CHEMISTRIES = st.sampled_from(("lfp", "nmc", "lmo"))
MA = st.integers(0, 200000)
MV = st.integers(1500, 4700)
MC = st.integers(-45000, 105000)
quick = settings(max_examples=120, deadline=None, derandomize=True)


def limits_of(pack, sample, soc_ppm=500000, caps=(None, None), ramp=FREE):
    """Limits of pack for one sample that has just arrived."""
    believed = Validator(pack, 1000).step(0, sample, None)
    return h.combined(pack, believed, soc_ppm, caps, ramp)


def permits(pack, sample, **more):
    """(charge_ma, discharge_ma) after the guard."""
    limits = limits_of(pack, sample, **more)
    wanted = Command(0, limits.charge_ma, limits.discharge_ma, None, None, None, None, 3000, None)
    made, _ = guard(0, pack, stale_limits(pack, 1000), sample, wanted, 1)
    return made.charge_ma, made.discharge_ma


@quick
@given(CHEMISTRIES, MV, st.integers(0, 300))
def test_a_higher_cell_never_allows_more_charge_nor_a_lower_one_more_discharge(chemistry, mv, step):
    pack = h.pack(chemistry=chemistry)
    low, high = permits(pack, h.sample(mv=mv)), permits(pack, h.sample(mv=mv + step))
    assert high[0] <= low[0]
    assert low[1] <= high[1]


@quick
@given(CHEMISTRIES, st.integers(20000, 100000), st.integers(0, 20000), st.integers(0, 60000))
def test_hotter_or_colder_never_allows_more(chemistry, hot, more, colder):
    pack = h.pack(chemistry=chemistry)
    worse = permits(pack, h.sample(temp_mc=(25000,) * 3 + (hot + more,)))
    better = permits(pack, h.sample(temp_mc=(25000,) * 3 + (hot,)))
    assert worse[0] <= better[0] and worse[1] <= better[1]
    cold = permits(pack, h.sample(temp_mc=(20000,) * 3 + (15000 - colder,)))
    colder_yet = permits(pack, h.sample(temp_mc=(20000,) * 3 + (15000 - colder - more,)))
    assert colder_yet[0] <= cold[0] and colder_yet[1] <= cold[1]


@quick
@given(MA, MA, MA, MA, MA, st.one_of(st.none(), MA))
def test_never_above_any_document_or_the_bms(maker, grade, bms, discharge, ramp, contract):
    grade = min(maker, grade)
    pack = h.pack(
        maker={"charge_ma": maker, "discharge_ma": maker},
        grade={"charge_ma": grade, "discharge_ma": grade},
        contract=None if contract is None else {"charge_ma": contract, "discharge_ma": contract},
    )
    sample = h.sample(bms_charge_ma=bms, bms_discharge_ma=discharge)
    charge_ma, discharge_ma = permits(pack, sample, ramp=(ramp, ramp))
    bounds = [maker, grade, ramp] + ([] if contract is None else [contract])
    assert 0 <= charge_ma <= min(bounds + [bms])
    assert 0 <= discharge_ma <= min(bounds + [discharge])


@quick
@given(st.lists(st.tuples(st.integers(1, 14), st.one_of(st.none(), st.integers(-10, 99))), min_size=1), st.randoms())
def test_the_order_of_sources_does_not_matter_and_one_more_never_loosens(sources, shuffler):
    least = lim.least(sources, 1)[0]
    shuffled = list(sources)
    shuffler.shuffle(shuffled)
    assert lim.least(shuffled, 1)[0] == least
    assert lim.least(sources[:-1], 1)[0] >= least or len(sources) == 1
    assert least == 0 or None not in [ma for _, ma in sources]


@quick
@given(st.one_of(st.none(), st.integers(0, 1000000)))
def test_soc_only_narrows(soc_ppm):
    free = limits_of(h.pack(), h.sample(), soc_ppm=500000)
    asked = limits_of(h.pack(), h.sample(), soc_ppm=soc_ppm)
    assert 0 < asked.charge_ma <= free.charge_ma and 0 < asked.discharge_ma <= free.discharge_ma


TERM = st.tuples(
    st.sampled_from((lim.S_CONTRACT, lim.S_ENGINEER, lim.S_ORDER)),
    st.one_of(st.none(), st.integers(0, 150000)),
    st.one_of(st.none(), st.integers(0, 200)),
    st.one_of(st.none(), st.integers(0, 150000)),
)
PAPERS = st.lists(TERM, max_size=5)


@quick
@given(PAPERS, PAPERS, TERM, st.integers(0, 250), MV, MC, st.randoms())
def test_a_paper_more_never_loosens_and_the_guard_keeps_to_all(charge, discharge, extra, now_ms, mv, mc, shuffler):
    pack = h.pack()
    sample = h.sample(mv=mv, temp_mc=(mc,) * 4)
    believed = Validator(pack, 1000).step(0, sample, None)
    found = []
    for more in ([], [extra]):
        papers = (tuple(charge + more), tuple(discharge + more))
        limits = h.combined(pack, believed, papers=papers, now_ms=now_ms)
        wanted = Command(0, limits.charge_ma, limits.discharge_ma, None, None, None, None, 3000, None)
        made, _ = guard(now_ms, pack, stale_limits(pack, 1000), sample, wanted, 1, papers)
        assert made.charge_ma <= limits.charge_ma and made.discharge_ma <= limits.discharge_ma
        shuffled = [list(part) for part in papers]
        for part in shuffled:
            shuffler.shuffle(part)
        assert h.combined(pack, believed, papers=shuffled, now_ms=now_ms)[:3:2] == limits[:3:2]
        free = Command(0, 10**9, 10**9, None, None, None, None, 3000, None)
        alone, _ = guard(now_ms, pack, stale_limits(pack, 1000), sample, free, 1, papers)
        bound = [min([ma for _, ma in said(part, now_ms)] + [10**9]) for part in papers]
        assert alone.charge_ma <= bound[0] and alone.discharge_ma <= bound[1]
        found.append((limits.charge_ma, limits.discharge_ma, alone.charge_ma, alone.discharge_ma))
    assert all(more <= less for less, more in zip(found[0], found[1]))


def said(papers, now_ms):
    """[(source, ma)] of the papers that say something now."""
    for source, ma, until_ms, after in papers:
        value = ma if until_ms is None or now_ms < until_ms else after
        if value is not None:
            yield source, value


@quick
@given(CHEMISTRIES, st.lists(st.tuples(MV, MC, st.integers(0, 1000000)), min_size=1, max_size=30))
def test_hysteresis_only_narrows_and_twice_is_once(chemistry, readings):
    pack = h.pack(chemistry=chemistry)
    held = lim.Held(pack)
    for mv, mc, soc in readings:
        believed = Validator(pack, 1000).step(0, h.sample(mv=mv, temp_mc=(mc,) * 4), None)
        plain = h.combined(pack, believed, soc)
        once = h.combined(pack, believed, soc, held=held)
        twice = h.combined(pack, believed, soc, held=held)
        assert once == twice
        assert once.charge_ma <= plain.charge_ma and once.discharge_ma <= plain.discharge_ma


@quick
@given(CHEMISTRIES, st.integers(0, 400000), st.integers(0, 100000), st.integers(0, 900), st.integers(0, 200))
def test_less_capacity_less_certainty_or_more_spread_never_allows_more(chemistry, mah, step, spread, wider):
    pack = h.pack(chemistry=chemistry)
    believed = Validator(pack, 1000).step(0, h.sample(mv=3700), None)
    better = h.combined(pack, believed, capacity=min(mah + step, 420000))
    worse = h.combined(pack, believed, capacity=min(mah, 420000 - 1))
    assert worse.charge_ma <= better.charge_ma and worse.discharge_ma <= better.discharge_ma
    sure, unsure = (
        h.combined(pack, believed, 1000 * spread, std=step),
        h.combined(pack, believed, 1000 * spread, std=400000),
    )
    assert unsure.charge_ma <= sure.charge_ma and unsure.discharge_ma <= sure.discharge_ma
    cells = [(3300,) * 15 + (3300 + each,) for each in (spread, spread + wider)]
    made = [lim.readings(pack, Validator(pack, 1000).step(0, h.sample(cell_mv=row), None), *ESTS) for row in cells]
    rows = [lim.sources(0, pack, believed, view, True, h.NO_PAPERS) for view in made]
    found = [next(row[1:] for row in each if row[0] == lim.S_IMBALANCE) for each in rows]
    assert found[1][0] <= found[0][0] and found[1][1] <= found[0][1]


ESTS = (Est(500000, 1000, 0, 2), Est(238000, 5000, 0, 2))
SOMETHING = st.one_of(st.none(), st.integers(-70000, 70000))


@quick
@given(
    st.lists(st.one_of(st.none(), st.integers(-100, 70000)), min_size=0, max_size=18),
    st.lists(SOMETHING, min_size=0, max_size=5),
    st.fixed_dictionaries(
        {},
        optional={
            "pack_mv": SOMETHING,
            "current_ma": SOMETHING,
            "bms_charge_ma": SOMETHING,
            "bms_discharge_ma": SOMETHING,
            "alarms": st.one_of(st.none(), st.integers(0, 2**32 - 1)),
            "cell_max_mv": SOMETHING,
            "temp_max_mc": SOMETHING,
        },
    ),
)
def test_garbage_never_raises_and_a_gap_is_zero(cells, temps, changes):
    gap = len(cells) < 16 or None in cells[:16] or len(temps) < 4 or None in temps[:4]
    gap = gap or None in [changes.get(k, 0) for k in ("pack_mv", "current_ma", "alarms")]
    gap = gap or None in [changes.get(k, 0) for k in ("bms_charge_ma", "bms_discharge_ma")]
    for packs in (1, 2):
        bench = h.Bench(h.site_settings([h.pack(id="p%d" % i) for i in range(packs)]))
        bench.reads = [
            lambda now_ms, count: h.sample(now_ms, count, cell_mv=tuple(cells), temp_mc=tuple(temps), **changes)
        ] * packs
        for _ in range(5):
            made = bench.step()
            assert made.charge_ma >= 0 and made.discharge_ma >= 0
            if gap:
                assert (made.charge_ma, made.discharge_ma, made.pack_mv) == (0, 0, None)


@quick
@given(st.one_of(st.none(), st.integers(-9, 300000)), st.one_of(st.none(), st.integers(-9, 300000)), MV, MC)
def test_guard_only_lowers_and_is_idempotent(charge, discharge, mv, temp):
    pack = h.pack()
    sample = h.sample(mv=mv, temp_mc=(temp,) * 4)
    wanted = Command(0, charge, discharge, None, None, None, None, 3000, None)
    once, _ = guard(0, pack, stale_limits(pack, 1000), sample, wanted, 1)
    assert 0 <= once.charge_ma <= max(charge or 0, 0) and 0 <= once.discharge_ma <= max(discharge or 0, 0)
    again, _ = guard(0, pack, stale_limits(pack, 1000), sample, once, 1)
    assert again == once


def test_every_step_of_a_wild_hour_is_below_every_source():
    pick = random.Random(7)
    bench = h.Bench()
    cells = [3300] * 16

    def wild(now_ms, count):
        for i in range(16):
            cells[i] = min(max(cells[i] + pick.randrange(-6, 7), 2450), 3700)
        shown = tuple(cells) if pick.random() > 0.002 else tuple(cells[:5]) + (None,) + tuple(cells[6:])
        bms = pick.choice((0, 30000, 120000, 999999))
        return h.sample(now_ms - pick.choice((0, 0, 0, 900)), count, cell_mv=shown, bms_charge_ma=bms)

    bench.reads[0] = wild
    bench.pcs = lambda now_ms, count: h.pcs_sample(now_ms, count)
    last_ma = 0
    for _ in range(3600):
        made = bench.step(late_ms=pick.choice((0, 0, 0, 0, 0, 0, 0, 350)))
        assert 0 <= made.charge_ma <= 80000 and 0 <= made.discharge_ma <= 80000
        for _, charge_ma, discharge_ma in bench.site.packs[0].limits.sources:
            assert made.charge_ma <= (charge_ma or 0) and made.discharge_ma <= (discharge_ma or 0)
        assert made.charge_ma <= last_ma + 2800 * 1351 // 1000
        last_ma = made.charge_ma


def frames_of_every_function(address):
    """PDUs of every function code 0..255: as a read, as a single write, as a multiple write, as a mask write."""
    high, low = address >> 8, address & 255
    for function in range(256):
        yield function, bytes((function, high, low, 0, 1))
        yield function, bytes((function, high, low, 0, 3, 6, 0, 0, 0, 0, 0, 1))
        yield function, bytes((function, high, low, 255, 0, 0, 1))


def allowed(function, address, pdu):
    """What RULES allow, said in another way."""
    if function == 3 and len(pdu) == 5:
        return 100 <= address < 150
    return function == 16 and address == 200 and len(pdu) == 12


def test_brute_force_every_function_and_address():
    pick = random.Random(3)
    addresses = sorted({0, 1, 99, 100, 149, 150, 199, 200, 201, 65535} | {pick.randrange(65536) for _ in range(12)})
    for kind, frame in (("tcp", tcp), ("rtu", rtu)):
        for unit in (0, 1, 2, 255):
            gate, wire = open_gate(kind)
            now_ms = 0
            for address in addresses:
                for function, pdu in frames_of_every_function(address):
                    wire.data = b""
                    now_ms += 1000
                    gate.permit(now_ms, command(decision=now_ms + 2, until_ms=now_ms))
                    sent = gate.send(now_ms, frame(pdu, unit), wire)
                    expected = unit == 1 and allowed(function, address, pdu)
                    assert (sent == g.SENT) == expected == (wire.data != b""), (kind, unit, pdu)


def test_a_sample_of_29_bit_identifiers():
    """30 000 of them and every neighbour of those that may ask; the 2048 of 11 bits: tests/both/test_can_gate.py."""
    pick = random.Random(29)
    keys = {1 << bit ^ key & 0x1FFFFFFF for key, _ in CAN_RULES[0] for bit in range(29)}
    keys |= {key & 0x1FFFFFFF for key, _ in CAN_RULES[0]} | {pick.randrange(1 << 29) for _ in range(30000)}
    gate, wire = g.TxGate("can", g.CONTROL, CAN_RULES), []
    questions = [fill(start) for _, start in CAN_RULES[0]]
    datas = questions + [row[1] for row in CAN_RULES[1]] + [fill(b"\x04\x2f\xf0\x32\x00"), b""]
    for number, key in enumerate(sorted(keys)):
        for data in datas:
            gate.send(2000 * number, can_frame(key | 0x80000000, data), wire.append)
    assert wire == [can_frame(0x98DADBF1, fill(b"\x03\x22\x90\x01"))]
    assert gate.refused == len(keys) * len(datas) - 1


@quick
@given(st.binary(max_size=300))
def test_random_bytes_never_pass_nor_raise(data):
    for kind in ("tcp", "rtu"):
        gate, wire = open_gate(kind)
        if gate.send(0, data, wire) == g.SENT:
            body = data[7:] if kind == "tcp" else data[1:-2]
            assert body[0] in (3, 16)
        else:
            assert wire.data == b""


@quick
@given(
    st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 2**20), st.integers(0, 2**20), st.integers(0, 10**6)
)
def test_a_written_power_is_never_above_the_permit(charge, discharge, charge_ma, discharge_ma, pack_mv):
    gate = g.TxGate("tcp", g.CONTROL, RULES)
    gate.permit(0, command(charge_ma, discharge_ma, pack_mv=pack_mv))
    sent = gate.send(0, tcp(write(200, (charge, discharge, 1))), lambda frame: None) == g.SENT
    fits = charge * 10000 * 1000 <= charge_ma * pack_mv and discharge * 100000 * 1000 <= discharge_ma * pack_mv
    assert not sent or fits
    assert sent or not fits or max(charge, discharge) >= 0x8000


def test_a_read_costs_no_permit():
    gate = g.TxGate("tcp", g.READ, RULES)
    assert gate.send(0, tcp(read(100, 1)), lambda frame: None) == g.SENT
