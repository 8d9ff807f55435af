# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The MQTT client on both runtimes against a scripted broker: dialogues of [(sent, received), ...].

The bytes are written by hand from the MQTT 3.1.1 standard, not by the client's own functions.
"""

import asyncio

from edge.shell import link, mqtt

CONNECT = b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x14\x00\x03dev"
WILL = b"\x10\x1c\x00\x04MQTT\x04\x2e\x00\x14\x00\x03dev\x00\x03a/s\x00\x06\x64\x65\x61\x64\x21\x21"
CONNACK = b"\x20\x02\x00\x00"
SUBSCRIBE = b"\x82\x0b\x00\x01\x00\x01a\x01\x00\x02bc\x01"
SUBACK = b"\x90\x04\x00\x01\x01\x01"
HELLO = ((CONNECT, CONNACK),)


class Script:
    """A broker that plays one dialogue per connection, then stays silent or closes."""

    def __init__(self, dialogue, close=False):
        self.dialogue = dialogue
        self.close = close
        self.wrong = None
        self.done = False

    async def serve(self, reader, writer):
        try:
            for expected, reply in self.dialogue:
                got = await reader.readexactly(len(expected)) if expected else b""
                if got != expected:
                    self.wrong = got
                writer.write(reply)
                await writer.drain()
            self.done = True
            if not self.close:
                await reader.readexactly(1)
        except (OSError, EOFError):
            pass
        writer.close()
        await writer.wait_closed()


async def start(script):
    """(server, port) on a free port. MicroPython cannot tell the port it got: look for a free one."""
    for port in range(28741, 28941):
        try:
            return await asyncio.start_server(script.serve, "127.0.0.1", port), port
        except OSError:
            pass
    raise OSError("no free port")


def play(dialogue, use, close=False, will=None):
    """Run use(client, messages) against the dialogue; returns (what it returned or the MqttError, script)."""
    script = Script(dialogue, close)
    messages = []

    async def run():
        server, port = await start(script)
        client = mqtt.Client(mqtt.Dialer("127.0.0.1", port), "dev", 20, lambda *message: messages.append(message), will)
        try:
            result = await use(client, messages)
        except OSError as error:
            result = error
        await asyncio.sleep(0.02)
        client.close()
        server.close()
        await asyncio.sleep(0.02)
        return result

    result = asyncio.run(run())
    asyncio.new_event_loop()
    assert script.wrong is None, script.wrong
    return result, script


async def until(condition, step):
    """Do step() until condition() holds; False after about 5 s."""
    for _ in range(500):
        if condition():
            return True
        await step()
        await asyncio.sleep(0.01)
    return False


def test_connect_and_subscribe_write_the_standard_bytes():
    async def use(client, _):
        await client.connect(0)
        await client.subscribe(("a", "bc"), 0)
        return "well"

    result, script = play(((CONNECT, CONNACK), (SUBSCRIBE, SUBACK)), use)
    assert result == "well" and script.done


def test_will_is_in_the_connect():
    async def use(client, _):
        await client.connect(0)
        return "well"

    assert play(((WILL, CONNACK),), use, will=("a/s", b"dead!!"))[0] == "well"


def test_a_will_that_is_not_retained_and_a_message_of_qos_0():
    """tck-id-principles-persistence-clean-session-311, tck-id-message-flow-edge-node-birth-publish-will-message-qos,
    tck-id-message-flow-edge-node-birth-publish-will-message-will-retained, tck-id-message-flow-edge-node-ncmd-subscribe"""

    async def use(client, _):
        await client.connect(0)
        await client.subscribe(("a", "bc"), 0)
        await client.send("a/b", b"xyz", 0)
        await asyncio.sleep(0.05)
        return "well"

    connect = WILL.replace(b"MQTT\x04\x2e", b"MQTT\x04\x0e")
    dialogue = ((connect, CONNACK), (SUBSCRIBE, SUBACK), (b"\x30\x08\x00\x03a/bxyz", b""))
    result, script = play(dialogue, use, will=("a/s", b"dead!!", False))
    assert result == "well" and script.done and script.wrong is None


def test_broker_that_refuses_or_talks_nonsense_or_hangs_up():
    async def use(client, _):
        await client.connect(0)
        return "well"

    for reply in (
        b"\x20\x02\x00\x05",
        b"\x30\x02\x00\x00",
        b"\x20\x01\x00",
        b"HTTP/1.1 400",
        b"\x20\xff\xff\xff\xff\x7f",
    ):
        result, _ = play(((CONNECT, reply),), use, close=True)
        assert isinstance(result, OSError), reply
    for size in range(len(CONNACK)):
        result, _ = play(((CONNECT, CONNACK[:size]),), use, close=True)
        assert isinstance(result, OSError), size


def test_broker_that_never_answers_meets_the_deadline():
    async def use(client, _):
        await client.connect(0)

    kept = mqtt.CONNECT_MS
    mqtt.CONNECT_MS = 60
    result, _ = play(((CONNECT, b""),), use)
    mqtt.CONNECT_MS = kept
    assert isinstance(result, mqtt.MqttError)


def test_refused_subscription_is_an_error():
    async def use(client, _):
        await client.connect(0)
        await client.subscribe(("a", "bc"), 0)

    result, _ = play(((CONNECT, CONNACK), (SUBSCRIBE, b"\x90\x04\x00\x01\x01\x80")), use)
    assert isinstance(result, mqtt.MqttError)


def test_publish_and_its_acknowledgement():
    async def use(client, _):
        await client.connect(0)
        await client.publish("t", b"\x00\xff", 1000)
        await client.publish("t", b"x" * 200, 1000, True)
        await client.receive()
        await client.receive()
        await client.service(9000)  # nothing is overdue
        return "well"

    long = b"\x33\xcd\x01\x00\x01t\x00\x02" + b"x" * 200
    result, _ = play(
        ((CONNECT, CONNACK), (b"\x32\x07\x00\x01t\x00\x01\x00\xff", b"\x40\x02\x00\x01"), (long, b"\x40\x02\x00\x02")),
        use,
    )
    assert result == "well"


def test_overdue_answers_end_the_connection():
    async def no_puback(client, _):
        await client.connect(0)
        await client.publish("t", b"x", 1000)
        await client.service(1000 + mqtt.ANSWER_MS)
        try:
            await client.service(1001 + mqtt.ANSWER_MS)
        except mqtt.MqttError as error:
            return "PUBACK" in str(error)

    async def no_pingresp(client, _):
        await client.connect(0)
        await client.service(9999)
        await client.service(10000)
        await client.service(10000 + mqtt.ANSWER_MS)
        try:
            await client.service(10001 + mqtt.ANSWER_MS)
        except mqtt.MqttError as error:
            return "PINGRESP" in str(error)

    sent = b"\x32\x06\x00\x01t\x00\x01x" + b"\xc0\x00"
    assert play(HELLO + ((sent, b""),), no_puback)[0] is True
    assert play(HELLO + ((b"\xc0\x00", b""),), no_pingresp)[0] is True


def test_ping_is_answered():
    async def use(client, _):
        await client.connect(0)
        await client.service(10000)
        await client.receive()
        await client.service(10000 + mqtt.ANSWER_MS)  # pings again: idle
        return "well"

    ping = (b"\xc0\x00", b"\xd0\x00")
    result, script = play(HELLO + (ping, ping), use)
    assert result == "well" and script.done


def test_messages_arrive_and_are_acknowledged():
    incoming = b"\x33\x07\x00\x01t\x12\x34hi" + b"\x30\x05\x00\x01uyo"

    async def use(client, messages):
        await client.connect(0)
        await client.receive()
        await client.receive()
        await client.service(1)
        return messages

    result, script = play(((CONNECT, CONNACK + incoming), (b"\x40\x02\x12\x34", b"")), use)
    assert result == [("t", b"hi", True), ("u", b"yo", False)]
    assert script.done


def test_message_above_the_limit_is_thrown_away_but_acknowledged():
    size = 3 + 2 + 100000
    head = b"\x32" + bytes((size & 127 | 128, size >> 7 & 127 | 128, size >> 14)) + b"\x00\x01t\x00\x09"

    async def use(client, messages):
        await client.connect(0)
        await client.receive()
        await client.service(1)
        await client.receive()
        return messages

    result, _ = play(((CONNECT, CONNACK + head + b"z" * 100000), (b"\x40\x02\x00\x09", b"\x30\x04\x00\x01uy")), use)
    assert result == [("u", b"y", False)]


def test_bad_packets_are_errors_and_never_something_else():
    async def use(client, _):
        await client.connect(0)
        for _ in range(5):
            await client.receive()

    for bad in (
        b"\x00\x00",
        b"\x30\x00",
        b"\x30\x01\x00",
        b"\x30\x03\x00\x05a",
        b"\x32\x03\x00\x01a",  # QoS 1 without a number
        b"\x34\x05\x00\x01a\x00\x01",  # QoS 2
        b"\x30\x03\x00\x01\xff",  # topic is not UTF-8
        b"\x90\x01\x00",
        b"\xf0\x00",
        b"\x30\x80\x80\x80\x80\x01",
    ):
        result, _ = play(((CONNECT, CONNACK + bad),), use, close=True)
        assert isinstance(result, OSError), bad


def test_stream_cut_at_every_byte_is_an_oserror():
    incoming = b"\x32\x07\x00\x01t\x12\x34hi"

    async def use(client, _):
        await client.connect(0)
        while True:
            await client.receive()

    for size in range(len(incoming) + 1):
        result, _ = play(((CONNECT, CONNACK + incoming[:size]),), use, close=True)
        assert isinstance(result, OSError), size


def test_refused_connection_is_an_oserror():
    async def use(client, _):
        other = mqtt.Client(mqtt.Dialer("127.0.0.1", 9), "dev", 20, None)
        try:
            await other.connect(0)
        except OSError:
            return "refused"
        finally:
            other.close()

    assert play((), use)[0] == "refused"


class LateDialer(mqtt.Dialer):
    """A Dialer whose TCP takes 50 ms."""

    async def _open(self):
        await asyncio.sleep(0.05)
        await mqtt.Dialer._open(self)


def test_a_connection_that_is_ready_late_counts_for_whom_it_is_given_to():
    async def use(client, _):
        dialer = LateDialer("127.0.0.1", client._dialer.port)
        try:
            await dialer.open(1)
        except OSError:
            await asyncio.sleep(0.2)  # now it is there
        before = dialer.opened
        _, writer = await dialer.open(1000)
        writer.close()
        return before, dialer.opened

    assert play((), use)[0] == (0, 1)


def test_backoff_doubles_to_ten_seconds_with_jitter_and_restarts():
    backoff = link.Backoff(0x123456789)
    waits = [backoff.next_ms(0) for _ in range(12)]
    limits = [100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000, 10000, 10000, 10000]
    for wait, limit in zip(waits, limits):
        assert limit // 2 <= wait <= limit
    assert backoff.next_ms(link.STEADY_MS) <= 100
    others = [link.Backoff(seed * 7919).next_ms(0) for seed in range(50)]
    assert len(set(others)) > 10


def test_orders_are_bounded_and_retained_ones_refused():
    orders = link.Orders()
    orders.put(b"old", True)
    orders.put(b"x" * (link.MAX_ORDER_BYTES + 1), False)
    for number in range(link.MAX_ORDERS + 3):
        orders.put(b"%d" % number, False)
    assert orders.take() == [b"%d" % number for number in range(link.MAX_ORDERS)]
    assert orders.refused == 5 and orders.take() == []
