# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge order` and the keys of its roles: what is drafted, signed and shown is what a controller obeys."""

import hashlib
import os
import stat
import threading
import time

import paho.mqtt.client as paho
import pytest

from edge.core import orders, terms
from edge.core.records import Record
from edge.core.registry import KEYS
from edge.core.site import Site
from edge.shell import link
from edge.shell.gateway_signed import verify_of
from edge.shell.signed import by_hmac, verifier
from host_tools import answers, cli, documents, site
from host_tools import order as verbs
from host_tools.places import SiteError, parse
from simulator import broker as brokers
from tests.both import core_help as h
from tests.host_tools.test_certificate import PRIVATE, TEXT, place, private_pem, public_pem, signed


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def drafted(action, key, *words):
    """The bytes of an order made by the verbs."""
    for name in ("order.yaml", "order.order"):
        if os.path.exists(name):
            os.remove(name)
    assert cli.main(["order", "new", action, "--device", "test", *words]) == 0
    assert cli.main(["order", "sign", "order.yaml", "--key", key]) == 0
    return documents.load("order.order")


def judge(settings, verify, *raws):
    """Verdicts of a site on orders, one step each."""
    controller = Site(settings, None, verify)
    found = []
    for number, raw in enumerate(raws):
        reads = [h.sample(1000 * number, number), h.pcs_sample(1000 * number, number)]
        outcome = controller.step(1000 * number, (int(time.time()), 3), reads, [raw])
        found += [dict(r.pairs)[152] for r in outcome.records if dict(r.pairs).get(152)]
    return controller, found


ACTIONS = (
    ("lease", ("--charge-a", "40", "--charge-lease-s", "60", "--charge-after-a", "5"), orders.V_DONE),
    ("narrow", ("--discharge-a", "12.5", "--for-s", "3600"), orders.V_DONE),
    ("acknowledge", ("--reason", "seen by Lee"), orders.V_WAITS),
    ("mode", ("--mode", "observe"), orders.V_DONE),
    ("power", ("--power-w", "-3000", "--valid-s", "60"), orders.V_DONE),
    ("stop", ("--stop", "1"), orders.V_DONE),
)


@pytest.mark.parametrize("device", [False, True])
def test_every_action_from_draft_to_verdict(device, folder, capsys):
    assert cli.main(["key", "new", "desk", "--role", "commission", *(["--device"] if device else [])]) == 0
    secret, public = ("desk.mac", "desk.mac") if device else ("desk.key", "desk.pub")
    assert stat.S_IMODE(os.stat(secret).st_mode) == 0o600
    row = documents.trust_row("commission", public)
    settings = h.site_settings(trust=[row])
    verify = verifier([row], by_hmac) if device else verify_of(settings)
    for number, (action, words, verdict) in enumerate(ACTIONS):
        raw = drafted(action, secret, "--counter", str(number + 1), "--pack", "0", *words)
        controller, found = judge(settings, verify, raw)
        assert found == [verdict], action
        assert controller.orders.counters == {row["id"]: number + 1}
        for lang in ("en", "ko"):
            capsys.readouterr()
            trust = "commission=" + public
            assert cli.main(["order", "show", "order.order", "--trust", trust, "--lang", lang]) == 0
            assert action in capsys.readouterr().out
        assert cli.main(["order", "show", "order.order", "--trust", "grade=" + public]) == 1
        flipped = raw[:-1] + bytes([raw[-1] ^ 1])
        assert judge(settings, verify, flipped)[1] == [orders.V_SIGNATURE]
    assert cli.main(["order", "show", "order.order"]) == 1


def test_a_certificate_as_an_order(folder):
    cli.main(["key", "new", "board", "--role", "grade", "--device"])
    (folder / "pack-1.cert").write_bytes(signed())
    (folder / "ktr.pub").write_bytes(public_pem(PRIVATE))
    (folder / "ktr.key").write_bytes(private_pem(PRIVATE))
    pack = h.pack(serial="KTR-26-0231", grade={"charge_ma": 140000, "discharge_ma": 140000}, contract=None)
    for key, public in (("ktr.key", "ktr.pub"), ("board.mac", "board.mac")):
        settings = h.site_settings([pack], trust=[documents.trust_row("grade", public)])
        raw = drafted("grade", key, "--counter", "1", "--certificate", "pack-1.cert", "--pack", "0")
        controller, found = judge(settings, verify_of(settings), raw)
        assert found == [orders.V_WAITS]
        before = controller.settings["packs"][0]["grade"]
        assert "number" not in before and before["charge_ma"] < 140000  # narrower at once, the rest when durable
        controller.saved = controller.durable.made
        controller.step(1000, (int(time.time()), 3), [None, None], [])
        after = controller.settings["packs"][0]["grade"]
        assert (after["number"], after["version"], len(after["hash"])) == ("2026-0231", 1, 64)
        again = Site(h.site_settings([pack]), h.kept(controller.state()), None)
        assert again.settings["packs"][0]["grade"] == after
        other = h.pack(serial="another", contract=None)
        settings = h.site_settings([other], trust=settings["trust"])
        assert judge(settings, verify_of(settings), raw)[1] == [orders.V_CERTIFICATE]
        narrow = h.pack(serial="KTR-26-0231", maker={"charge_ma": 1000}, grade={"charge_ma": 900}, contract=None)
        settings = h.site_settings([narrow], trust=settings["trust"])
        assert judge(settings, verify_of(settings), raw)[1] == [orders.V_LOOSER]


WRONG = (
    ("action: dance\n", "is no action"),
    ("action: lease\ndevice: a\n", "is no lease"),
    ("action: lease\ndevice: a\ncharge_a: 5\ncharge_lease_s: 60\ncharge_after_a: 6\n", "is no lease"),
    ("action: narrow\ndevice: a\nfor_s: 60\n", "narrows nothing"),
    ("action: narrow\ndevice: a\nfor_s: 28801\ncharge_a: 1\n", "outside"),
    ("action: acknowledge\ndevice: a\n", "reason is missing"),
    ("action: stop\n", "device is missing"),
    ("action: stop\ndevice: a\nstop: .nan\n", "not a"),
    ("action: stop\ndevice: a\nstop: 1\ncharge_a: 5\n", "unknown key"),
)


@pytest.mark.parametrize(("text", "part"), WRONG)
def test_drafts_that_are_refused(text, part, folder):
    (folder / "order.yaml").write_text(text, encoding="utf-8")
    cli.main(["key", "new", "desk"])
    with pytest.raises(SiteError, match=part):
        spot = parse("order.yaml")
        action, values = verbs.values_of(spot)
        verbs.params_of(spot, action, values, "", None)


def test_trust_by_role_in_site_yaml(folder):
    cli.main(["key", "new", "desk", "--role", "operator"])
    cli.main(["key", "new", "board", "--role", "engineer", "--device"])
    (folder / "ktr.pub").write_bytes(public_pem(PRIVATE))
    trust = "trust:\n  grade: [ktr.pub]\n  operator: [desk.pub]\n  engineer: [board.mac]\n"
    path = place(folder, signed(), trust, TEXT)
    rows = site.load_site(path)["trust"]
    assert [(row["name"], row.get("role"), row.get("kind")) for row in rows] == [
        ("ktr", None, None),
        ("desk", "operator", None),
        ("board", "engineer", "hmac"),
    ]
    with pytest.raises(SiteError, match="is no role"):
        site.load_site(place(folder, signed(), "trust:\n  king: [ktr.pub]\n", TEXT))
    with pytest.raises(SiteError, match="no key is trusted"):  # an operator's key certifies nothing
        site.load_site(place(folder, signed(), "trust:\n  operator: [ktr.pub]\n", TEXT))


def test_codes_and_counts_agree():
    assert len(terms.ACTIONS) == terms.UPDATE + 1
    assert set(verbs.FIELDS) == set(terms.ACTIONS[1:])
    assert documents.ORDER == terms.ORDER and documents.CERTIFICATE == terms.CERTIFICATE


def test_send_gives_it_to_the_broker_and_says_when_there_is_none(folder, capsys):
    cli.main(["key", "new", "desk", "--role", "operator"])
    drafted("stop", "desk.key", "--stop", "1")
    path = place(folder, signed(), "trust: [ktr.pub]\n", TEXT)
    (folder / "ktr.pub").write_bytes(public_pem(PRIVATE))
    with brokers.Broker() as broker:
        words = ["order", "send", "order.order", "--site", path, "--host", "127.0.0.1", "--port", str(broker.port)]
        assert cli.main([*words, "--wait", "0"]) == 0
        assert cli.main([*words, "--wait", "0.2"]) == 3  # nobody replies
        broker.kill()
        assert cli.main(words) == 3
    capsys.readouterr()
    (folder / "order.order").write_bytes(b"no order")
    assert cli.main(words) == 2
    assert "order.order: is damaged or no signed document" in capsys.readouterr().err
    (folder / "order.order").write_bytes(signed())
    assert cli.main(words) == 2
    assert "order.order: is a document of type 'certificate', not 'order'" in capsys.readouterr().err


def judged(verdict, digest, reason=None):
    """The payload of a reply as a device makes it."""
    pairs = [(KEYS["order_verdict"], verdict)]
    pairs += [(KEYS["order_hash"], digest)] if digest else []
    pairs += [(KEYS["order_reason"], reason)] if reason else []
    return link.reply(Record("E", 0, 1, None, 0, tuple(pairs)))


REPLIES = (
    ([(orders.V_DONE, True, None)], 0, ["in force"]),
    ([(orders.V_WAITS, True, None), (orders.V_DONE, True, None)], 0, ["waits until it is durable", "in force"]),
    ([(orders.V_LOOSER, True, None)], 1, ["looser than a source above it"]),
    ([(orders.V_SIGNATURE, None, "key 00 is not trusted")], 1, ["without saying which", "key 00 is not trusted"]),
    ([(orders.V_DONE, False, None), (orders.V_CLOCK, True, None)], 1, ["trusted clock"]),
)


def test_send_says_what_the_device_replies(folder, capsys):
    cli.main(["key", "new", "desk", "--role", "operator"])
    digest = hashlib.sha256(drafted("stop", "desk.key", "--stop", "1")).hexdigest()
    path = place(folder, signed(), "trust: [ktr.pub]\n", TEXT)
    (folder / "ktr.pub").write_bytes(public_pem(PRIVATE))
    root = link.topic_root(site.load_site(path))
    waiting = []
    with brokers.Broker() as broker:
        device = paho.Client(paho.CallbackAPIVersion.VERSION2)
        listening = threading.Event()
        device.on_connect = lambda client, *_: client.subscribe(root + "ord", qos=1)
        device.on_subscribe = lambda *_: listening.set()
        device.on_message = lambda client, *_: [client.publish(root + "rsp", data, qos=1) for data in waiting]
        device.connect("127.0.0.1", broker.port)
        device.loop_start()
        assert listening.wait(30)
        words = ["order", "send", "order.order", "--site", path, "--host", "127.0.0.1", "--port", str(broker.port)]
        for replies, code, texts in REPLIES:
            hashes = {True: digest, False: "0" * 64, None: None}
            waiting[:] = [b"noise", b"{}"] + [judged(verdict, hashes[ours], why) for verdict, ours, why in replies]
            capsys.readouterr()
            assert cli.main([*words, "--wait", "30"]) == code
            said = capsys.readouterr().err
            assert all(text in said for text in texts), said
        waiting[:] = [judged(orders.V_LOOSER, digest)]
        assert cli.main([*words, "--wait", "30", "--lang", "ko"]) == 1
        said = capsys.readouterr().err
        assert "상위 한도보다 느슨함" in said and "looser" not in said
        device.disconnect()
        device.loop_stop()


def test_a_controller_tells_what_became_of_an_order_on_the_topic_of_replies(folder):
    assert cli.main(["key", "new", "desk", "--role", "operator"]) == 0
    row = documents.trust_row("operator", "desk.pub")
    settings = h.site_settings(trust=[row])
    raw = drafted("stop", "desk.key", "--stop", "1")
    controller = Site(settings, None, verify_of(settings))
    outcome = controller.step(0, (int(time.time()), 3), [h.sample(0, 0), h.pcs_sample(0, 0)], [raw, b"no order"])
    replies = link.Replies()
    for record in outcome.records:
        replies.look(record)
    told = [answers.reply_of(payload, hashlib.sha256(raw).hexdigest()) for payload in iter(replies.take, None)]
    assert [each.verdict for each in told] == [orders.V_DONE, orders.V_SIGNATURE]
    assert [each.ours for each in told] == [True, False] and told[1].reason
    assert replies.take() is None


PLACES = (
    ("action: acknowledge\ndevice: a\n", "order.yaml: reason: reason is missing"),
    ("action: acknowledge\ndevice: a\nreason:\n", "order.yaml:3: reason: reason is missing"),
    ("action: stop\n", "order.yaml: device: device is missing"),
    ("action: lease\ndevice: a\n", "order.yaml: charge_a: is no lease: neither"),
    ("action: lease\ndevice: a\ncharge_a: 5\n", "order.yaml: charge_lease_s: is no lease: charge_lease_s is missing"),
    (
        "action: lease\ndevice: a\ncharge_a: 5\ncharge_lease_s: 60\ncharge_after_a: 6\n",
        "order.yaml:5: charge_after_a: is no lease: it is above charge_a",
    ),
    ("action: narrow\ndevice: a\nfor_s: 60\ncharge_a:\n", "order.yaml:4: charge_a: narrows nothing"),
)


@pytest.mark.parametrize(("text", "start"), PLACES)
def test_a_refused_draft_names_the_key(text, start, folder, capsys):
    (folder / "order.yaml").write_text(text, encoding="utf-8")
    cli.main(["key", "new", "desk", "--device"])
    capsys.readouterr()
    assert cli.main(["order", "sign", "order.yaml", "--key", "desk.mac"]) == 2
    assert capsys.readouterr().err.startswith(start)


def test_an_option_of_another_action_is_refused(folder, capsys):
    words = ["order", "new", "narrow", "--device", "a", "--charge-a", "1", "--for-s", "60"]
    assert cli.main([*words, "--stop", "1"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("--stop does not belong to 'narrow'") and "--for-s" in said
    assert not os.path.exists("order.yaml")
    assert cli.main(words) == 0


def test_refusals_name_the_file_and_what_to_do(folder, capsys):
    assert cli.main(["key", "new", "desk", "--role", "operator", "--device"]) == 0
    capsys.readouterr()
    assert cli.main(["order", "sign", "missing.yaml", "--key", "desk.mac"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("missing.yaml: no such file") and "order new" in said and "site.yaml" not in said
    raw = drafted("stop", "desk.mac", "--stop", "1")
    for data, mend in ((raw, "--trust"), (raw[:-9], "get the order again"), (signed(), "--trust")):
        (folder / "order.order").write_bytes(data)
        capsys.readouterr()
        assert cli.main(["order", "show", "order.order", "--lang", "en"]) == 1
        said = capsys.readouterr().out
        assert said.startswith("NOT VERIFIED: order.order: ") and mend in said.splitlines()[1]
    (folder / "wrong.cert").write_bytes(raw)
    for name in ("order.yaml", "order.order"):
        os.remove(name)
    assert cli.main(["order", "new", "grade", "--device", "a", "--pack", "0", "--certificate", "wrong.cert"]) == 0
    capsys.readouterr()
    assert cli.main(["order", "sign", "order.yaml", "--key", "desk.mac"]) == 2
    assert "wrong.cert: is a document of type 'order', not 'certificate'" in capsys.readouterr().err
