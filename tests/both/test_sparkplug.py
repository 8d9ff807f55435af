# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The Sparkplug node as a state machine, on a real site: what it says, in which order, and what cannot disturb it.

tck-id-...: assertion of the Sparkplug 3.0 specification that a test holds. Payloads are read with our own decoder here;
tests/uplink/test_sparkplug.py has others read them, behind a real broker.
"""

from edge.core.registry import KEYS
from edge.shell.sparkplug import BOOLEAN, INT64, MAX_BYTES, STRING, UINT32, decode, metric, payload
from edge.shell.sparkplug_node import NODE, PACK, REBIRTH, REBIRTH_MS, Node, asks_rebirth
from tests.both.core_help import Bench, pack, site_settings

UTC_S = 1780000000
NCMD = "spBv1.0/gumi/NCMD/test"
STATE = "spBv1.0/STATE/scada"


class Store:
    """Keeps one state."""

    def __init__(self):
        self.state = None

    def load(self):
        return self.state

    def save(self, state):
        self.state = dict(state)


class Rig:
    """A site, its node, and a broker that takes everything at once. Clock port of the node too."""

    def __init__(self, packs=1, store=None, **place):
        place["group"] = "gumi"
        uplink = {"host": "127.0.0.1", "sparkplug": place}
        names = [pack(id="pack-%d" % (i + 1), unit=i) for i in range(packs)]
        self.bench = Bench(site_settings(names, uplink=uplink))
        self.wall = True
        self.store = store or Store()
        self.node = Node(self.bench.settings, self, self.store)
        self.will = self.node.will()
        self.log = []

    def now_ms(self):
        return self.bench.now_ms

    def utc_s(self):
        return (UTC_S + self.bench.now_ms // 1000, 3) if self.wall else (None, 0)

    def run(self, steps=1):
        """Steps of the site; what the node said in them as [(kind, device or None, seq, {name: value})]."""
        said = []
        for _ in range(steps):
            self.bench.step()
            self.node.told(self.bench.site, self.bench.outcome)
            for topic, data in self.node.due(self.bench.now_ms):
                parts = topic.split("/")
                assert parts[0] == "spBv1.0" and parts[1] == "gumi" and parts[3] == "test"
                at_ms, seq, metrics = decode(data)
                assert at_ms % 1000 == 0 and at_ms // 1000 >= UTC_S
                said.append((parts[2], parts[4] if len(parts) > 4 else None, seq, {m[0]: m[2] for m in metrics}))
        self.log += said
        return said

    def silence(self, i=0):
        """The BMS of pack i says nothing new from now on."""
        last = self.bench.healthy(self.bench.now_ms, self.bench.count)
        self.bench.reads[i] = lambda now_ms, count: last


def kinds(said):
    return [one[0] for one in said]


def asked(value=True, name=REBIRTH, kind=BOOLEAN):
    return payload(None, None, [metric(name, kind, value, None, True)])


def test_metrics_come_back_as_they_went():
    """tck-id-payloads-metric-datatype-value, tck-id-payloads-sequence-num-always-included"""
    rows = (
        ("a", INT64, 0),
        ("b", INT64, -1),
        ("c", INT64, -(1 << 63)),
        ("d", INT64, (1 << 63) - 1),
        ("e", UINT32, 0xFFFFFFFF),
        ("f", BOOLEAN, True),
        ("g", BOOLEAN, False),
        ("h", STRING, "°C 용량"),
        ("i", INT64, None),
    )
    data = payload(1780000000123, 255, [metric(n, kind, value, 1, True, "mV") for n, kind, value in rows])
    assert decode(data) == (1780000000123, 255, list(rows))
    bare = payload(None, None, [metric("a", INT64, 7, None, False)])
    assert decode(bare) == (None, None, [("a", None, 7)])


def test_names_are_those_of_the_registry():
    for name, key, _ in PACK + NODE:
        assert KEYS[name] == key


def test_births_come_first_and_in_order():
    """tck-id-principles-birth-certificates-order, tck-id-topics-nbirth-seq-num, tck-id-payloads-nbirth-seq,
    tck-id-payloads-dbirth-order, tck-id-payloads-dbirth-seq-inc, tck-id-payloads-ndata-order,
    tck-id-payloads-ddata-order, tck-id-message-flow-device-birth-publish-nbirth-wait,
    tck-id-message-flow-edge-node-birth-publish-nbirth-payload-seq, tck-id-payloads-sequence-num-zero-nbirth,
    tck-id-topics-dbirth-seq, tck-id-payloads-dbirth-seq, tck-id-topics-nbirth-timestamp,
    tck-id-payloads-nbirth-timestamp, tck-id-topics-dbirth-timestamp, tck-id-payloads-dbirth-timestamp,
    tck-id-topic-structure, tck-id-topic-structure-namespace-a"""
    rig = Rig(packs=3)
    first = rig.run()
    assert [(one[0], one[1], one[2]) for one in first] == [
        ("NBIRTH", None, 0),
        ("DBIRTH", "pack-1", 1),
        ("DBIRTH", "pack-2", 2),
        ("DBIRTH", "pack-3", 3),
    ]
    assert set(kinds(rig.run(3))) <= {"NDATA", "DDATA"}


def test_birth_holds_every_metric_that_data_ever_brings():
    """tck-id-topics-nbirth-metric-reqs, tck-id-topics-dbirth-metric-reqs, tck-id-topics-nbirth-rebirth-metric,
    tck-id-payloads-nbirth-rebirth-req, tck-id-payloads-nbirth-bdseq, tck-id-operational-behavior-data-publish-nbirth,
    tck-id-operational-behavior-data-publish-dbirth, tck-id-operational-behavior-data-publish-dbirth-values,
    tck-id-operational-behavior-data-publish-nbirth-values, tck-id-topics-nbirth-metrics, tck-id-topics-dbirth-metrics,
    tck-id-topics-nbirth-bdseq-included, tck-id-message-flow-edge-node-birth-publish-nbirth-payload-bdSeq,
    tck-id-operational-behavior-data-commands-rebirth-name,
    tck-id-operational-behavior-data-commands-rebirth-datatype,
    tck-id-operational-behavior-data-commands-rebirth-value"""
    rig = Rig()
    node, device = rig.run()
    assert node[3]["bdSeq"] == 0 and node[3][REBIRTH] is False
    assert set(device[3]) == {"profile"} | {row[0] for row in PACK}
    assert device[3]["current"] == 0 and device[3]["pack_v"] == 16 * 3211
    rig.bench.current_ma = -5000
    said = rig.run(5)
    born = {"NDATA": set(node[3]), "DDATA": set(device[3])}
    assert [one for one in said if not set(one[3]) <= born[one[0]]] == []
    assert [one[3]["current"] for one in said if "current" in one[3]] == [(1 << 64) - 5000]  # no type: no sign


def test_data_is_what_changed():
    """tck-id-principles-rbe-recommended, tck-id-topics-ddata-payload, tck-id-topics-ndata-payload,
    tck-id-operational-behavior-data-publish-dbirth-change, tck-id-operational-behavior-data-publish-nbirth-change"""
    rig = Rig()
    known = {}
    for _ in range(40):
        for one in rig.run():
            before = known.setdefault(one[1], {})
            if one[0] in ("NDATA", "DDATA"):
                assert one[3] and not [name for name in one[3] if before[name] == one[3][name]], one
            before.update(one[3])
    truth = rig.bench.site.packs[0].believed
    assert known["pack-1"]["pack_v"] == truth.pack_mv and known["pack-1"]["cell_max"] == truth.cell_max_mv


def test_seq_counts_every_message_and_wraps():
    """tck-id-payloads-sequence-num-incrementing, tck-id-topics-ddata-seq-num, tck-id-topics-ndata-seq-num,
    tck-id-payloads-ddata-seq-inc, tck-id-payloads-ndata-seq-inc, tck-id-payloads-ddata-seq, tck-id-payloads-ndata-seq,
    tck-id-topics-ddata-timestamp, tck-id-topics-ndata-timestamp, tck-id-payloads-ddata-timestamp,
    tck-id-payloads-ndata-timestamp"""
    rig = Rig(packs=2)
    while len(rig.log) < 600:
        rig.run()
    assert [one[2] for one in rig.log] == [k % 256 for k in range(len(rig.log))]


def test_interval_thins_out():
    fast, slow = Rig(), Rig(interval_ms=10000)
    fast.run(61)
    slow.run(61)
    counts = [len([one for one in rig.log if one[0] == "DDATA"]) for rig in (fast, slow)]
    assert counts == [60, 6]


def test_silent_bms_dies_and_is_born_again():
    """tck-id-operational-behavior-device-ddeath, tck-id-payloads-ddeath-seq-inc, tck-id-payloads-ddeath-timestamp,
    tck-id-topics-ddeath-seq-num, tck-id-payloads-ddeath-seq-number, tck-id-payloads-ddeath-seq"""
    rig = Rig(packs=2)
    rig.run(3)
    rig.silence(1)
    said = rig.run(12)
    of_two = [one for one in said if one[1] == "pack-2"]
    assert kinds(of_two)[-1] == "DDEATH" and kinds(of_two).count("DDEATH") == 1 and of_two[-1][3] == {}
    assert "DDATA" in [one[0] for one in said if one[1] == "pack-1"]
    assert rig.bench.site.packs[1].limits.charge_ma == 0
    rig.bench.reads[1] = rig.bench.healthy
    back = [one for one in rig.run(3) if one[1] == "pack-2"]
    assert kinds(back)[0] == "DBIRTH" and "DDEATH" not in kinds(back)
    assert [one[2] for one in rig.log] == [k % 256 for k in range(len(rig.log))]


def test_pack_that_never_spoke_is_not_born():
    """tck-id-message-flow-device-birth-publish-dbirth-payload-seq"""
    rig = Rig(packs=2)
    rig.bench.reads[0] = lambda now_ms, count: None
    assert [(one[0], one[1], one[2]) for one in rig.run()] == [("NBIRTH", None, 0), ("DBIRTH", "pack-2", 1)]


def test_rebirth_stops_data_and_says_all_again():
    """tck-id-operational-behavior-data-commands-rebirth-action-1,
    tck-id-operational-behavior-data-commands-rebirth-action-2,
    tck-id-operational-behavior-data-commands-rebirth-action-3,
    tck-id-operational-behavior-data-commands-ncmd-rebirth-name, tck-id-payloads-nbirth-bdseq-repeat"""
    rig = Rig(packs=2)
    rig.run(10)
    rig.node.heard(NCMD, asked(), False)
    said = rig.run()
    assert [(one[0], one[2]) for one in said] == [("NBIRTH", 0), ("DBIRTH", 1), ("DBIRTH", 2)]
    assert said[0][3]["bdSeq"] == 0 and rig.node.ignored == 0
    for _ in range(3):  # asked again and again: one birth in REBIRTH_MS, and no data while one is owed
        rig.node.heard(NCMD, asked(), False)
    waits = rig.run(REBIRTH_MS // 1000)
    assert kinds(waits) == ["NBIRTH", "DBIRTH", "DBIRTH"]


def test_rebirth_in_the_middle_of_data():
    """tck-id-operational-behavior-data-commands-rebirth-action-1"""
    rig = Rig(packs=3)
    rig.run(10)
    rig.bench.step()
    rig.node.told(rig.bench.site, rig.bench.outcome)
    topics = []
    for topic, _ in rig.node.due(rig.bench.now_ms):
        topics.append(topic)
        if "/DDATA/" in topic:
            rig.node.heard(NCMD, asked(), False)
    assert topics[-1].endswith("/DDATA/test/pack-1")
    assert kinds(rig.run())[0] == "NBIRTH"


def test_bdseq_counts_connects_over_restarts():
    """tck-id-topics-nbirth-bdseq-increment, tck-id-topics-nbirth-bdseq-matching, tck-id-payloads-ndeath-bdseq,
    tck-id-message-flow-edge-node-birth-publish-will-message-payload-bdSeq"""
    store = Store()
    for number in range(258):
        rig = None
        if number in (0, 1, 254, 255, 256):
            rig = Rig(store=store)
            node = rig.node
        else:
            node.will()
        topic, data = node.death()
        assert decode(data)[2] == [("bdSeq", INT64, number % 256)]
        assert store.state == {"bd_seq": number % 256}
        if rig:
            assert rig.will == (topic, data, False)
            assert rig.run()[0][3]["bdSeq"] == number % 256


def test_death_is_only_bdseq():
    """tck-id-topics-ndeath-payload, tck-id-topics-ndeath-seq, tck-id-payloads-ndeath-seq, tck-id-topics-ndeath-topic"""
    topic, data, retain = Rig().will
    assert topic == "spBv1.0/gumi/NDEATH/test" and retain is False
    assert decode(data) == (None, None, [("bdSeq", INT64, 0)])


def test_nothing_before_the_wall_clock_is_known():
    """tck-id-payloads-timestamp-in-UTC"""
    rig = Rig()
    rig.wall = False
    assert rig.run(5) == [] and not rig.node.ready
    rig.wall = True
    assert kinds(rig.run()) == ["NBIRTH", "DBIRTH"]


def said_state(rig, online, at_ms):
    rig.node.heard(STATE, b'{"online": %s, "timestamp": %d}' % (b"true" if online else b"false", at_ms), True)


def test_primary_host_is_waited_for_and_left():
    """tck-id-message-flow-edge-node-birth-publish-phid-wait,
    tck-id-message-flow-edge-node-birth-publish-phid-wait-online,
    tck-id-message-flow-edge-node-birth-publish-phid-wait-timestamp,
    tck-id-message-flow-edge-node-birth-publish-phid-offline,
    tck-id-operational-behavior-edge-node-termination-host-offline,
    tck-id-operational-behavior-edge-node-termination-host-offline-timestamp"""
    rig = Rig(primary_host="scada")
    assert rig.node.topics() == [NCMD, STATE]
    assert rig.run(3) == []
    said_state(rig, False, 100)
    assert rig.run(2) == [] and not rig.node.over  # nothing was born: nothing to leave
    said_state(rig, True, 99)  # stale
    assert rig.run(2) == [] and rig.node.ignored == 1
    said_state(rig, True, 100)
    assert kinds(rig.run())[0] == "NBIRTH"
    said_state(rig, False, 99)  # stale: of an older session of the host
    assert rig.run(2) and not rig.node.over and rig.node.ignored == 2
    said_state(rig, False, 101)
    assert rig.node.over and rig.run(2) == []
    rig.node.will()  # next session
    assert not rig.node.over and rig.run(2) == []
    said_state(rig, True, 102)
    assert kinds(rig.run())[0] == "NBIRTH"


def test_state_that_says_nothing_is_ignored():
    """tck-id-message-flow-edge-node-birth-publish-phid-wait-id"""
    rig = Rig(primary_host="scada")
    bad = [b"", b"{}", b"[]", b"null", b"\xff", b"true", b'{"online": 1, "timestamp": 5}', b'{"online": true}']
    bad += [b'{"online": true, "timestamp": "5"}', b'{"online": true, "timestamp": true}', b"[" * 256]
    bad += [b'{"online": true, "timestamp": 5, "x": "%s"}' % (b"x" * 300), b'{"online": true, "timestamp": 5.5}']
    for data in bad:
        rig.node.heard(STATE, data, True)
    rig.node.heard("spBv1.0/STATE/other", b'{"online": true, "timestamp": 5}', True)
    assert rig.node.ignored == len(bad) + 1 and rig.run(2) == []


def test_what_asks_for_a_birth():
    """tck-id-operational-behavior-data-commands-ncmd-rebirth-value, tck-id-payloads-ncmd-retain"""
    assert asks_rebirth(asked()) and asks_rebirth(payload(1, None, [metric(REBIRTH, BOOLEAN, True, 1, False)]))
    assert not asks_rebirth(asked(False)) and not asks_rebirth(asked(None)) and not asks_rebirth(b"")
    assert not asks_rebirth(asked(1, kind=INT64)) and not asks_rebirth(asked("true", kind=STRING))
    assert not asks_rebirth(asked(name="Node Control/Reboot")) and not asks_rebirth(asked() + b"\xff")
    rig = Rig()
    rig.run(10)
    for topic, retained in ((NCMD, True), ("spBv1.0/gumi/DCMD/test/pack-1", False), (NCMD + "/x", False)):
        rig.node.heard(topic, asked(), retained)
    assert rig.node.ignored == 3 and "NBIRTH" not in kinds(rig.run(8))


def hostile(count, seed):
    """That many payloads: noise, mutated and cut requests, writes of limits, absurd lengths; a generator."""
    state = seed
    writes = [metric(name, INT64, 10**9, None, True) for name in ("charge_limit", "discharge_limit", "mode")]
    good = asked()
    for number in range(count):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        pick, place = state >> 8, state >> 16
        if number % 5 == 0:
            data = bytes([(state * (k + 3) >> 7) & 255 for k in range(pick % 60)])
        elif number % 5 == 1:
            data = good[: place % len(good)]
        elif number % 5 == 2:
            data = payload(pick, place & 255, writes)
        elif number % 5 == 3:
            data = bytearray(good)
            data[place % len(data)] ^= 1 << pick % 8
            data = bytes(data)
        else:
            data = good[: place % len(good)] + b"\xff" * (pick % 12) + good
        yield data


def attack(count, seed):
    """(ignored, obeyed) of that many payloads, beside a twin that never sees them: same commands, same values said."""
    attacked, twin = Rig(), Rig()
    attacked.run(20)
    twin.run(20)
    obeyed = 0
    for number, data in enumerate(hostile(count, seed)):
        before = attacked.node.ignored
        attacked.node.heard(NCMD, data, False)
        obeyed += attacked.node.ignored == before
        assert (attacked.node.ignored == before) == asks_rebirth(data)
        if number % (count // 20) == count // 20 - 1:
            attacked.node.heard(NCMD, asked(), False)
            attacked.run(6)
            twin.run(6)
            assert attacked.bench.outcome.commands == twin.bench.outcome.commands
            assert attacked.log[-1][3].get("pack_v") == twin.log[-1][3].get("pack_v")
    assert kinds(attacked.log).count("NBIRTH") >= 20 and kinds(twin.log).count("NBIRTH") == 1
    return attacked.node.ignored, obeyed


def test_hostile_commands_are_counted_and_change_nothing():
    """tck-id-payloads-ncmd-timestamp: 2 000 seeded payloads, most without a time; the true requests among them are
    obeyed."""
    ignored, obeyed = attack(2000, 20260101)
    assert ignored + obeyed == 2000 and 0 < obeyed < 400, obeyed


def test_bytes_are_those_of_the_definition():
    """tck-id-payloads-metric-datatype-value-type: written by hand; UInt32 in field 11, where every decoder looks."""
    by_hand = b"\x08\x01\x12\x09\x0a\x01a\x18\x01\x20\x07\x58\x05\x18\x02"
    assert payload(1, 2, [metric("a", UINT32, 5, 1, True)]) == by_hand
    assert metric("a", INT64, -1, 300, False) == b"\x0a\x01a\x18\xac\x02\x58" + b"\xff" * 9 + b"\x01"
    assert metric("a", BOOLEAN, None, None, True, "V") == (
        b"\x0a\x01a\x20\x0b\x38\x01\x4a\x10\x0a\x07engUnit\x12\x05\x08\x0c\x42\x01V"
    )


def test_decoder_ends_with_an_answer_or_a_value_error():
    wrong = [
        b"\x80" * 11,
        b"\x0b",
        b"\x12\x05a",
        b"\x12\x02\x0a\x05",
        b"\x00\x00",
        b"\x08",
        b"\x10\x01",
        b"\x12\x03\x65\x00\x00",
    ]
    wrong += [b"x" * (MAX_BYTES + 1), b"\x12\x00" * 65, b"\x12\x03\x0a\x01\xff", b"\x0a\x00"]
    for data in wrong:
        try:
            decode(data)
        except ValueError:
            continue
        assert False, data
    assert decode(b"\x12\x00") == (None, None, [(None, None, None)])
    assert decode(b"\x12\x05\x65\x00\x00\x80\x3f")[2] == [(None, None, 1.0)]
