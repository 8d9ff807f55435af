# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""An update over the air where the broker lets nobody in without a certificate: mosquitto with the ACL of docs/TLS.md, a
virtual board that controls a simulated site, a power cut in the middle, the trial and the confirmation."""

import threading
import time
from pathlib import Path

import pytest

from edge.shell.gateway_tls import context
from edge.shell.pieces import AHEAD
from tests.board.test_over_the_air import WAIT_S, Field, Requests, settled
from tests.uplink import rig
from tests.uplink.certificates import Authority
from tests.uplink.test_tls import ACL

pytestmark = pytest.mark.long
DEVICE = "gumi-014"


class Watched(Field):
    """A Field whose every connection has a certificate. strange: Files of another one; tls: ssl
    context of somebody who may read."""

    def __init__(self, folder, site):
        pki = folder / "pki"
        pki.mkdir()
        authority = Authority(pki)
        server = authority.issue("127.0.0.1", hosts=("127.0.0.1",))
        (pki / "acl").write_text(ACL, encoding="utf-8")
        lines = ("cafile " + server.ca, "certfile " + server.certificate, "keyfile " + server.private_key)
        lines += ("require_certificate true", "use_identity_as_username true", "acl_file %s/acl" % pki)
        names = ("ca", "certificate", "private_key")
        own, operator, backend = [authority.issue(name) for name in (DEVICE, "operator", "backend")]
        Path(own.private_key).chmod(0o600)
        told = "".join("\n  %s: %s" % (name, getattr(own, name)) for name in names)
        self.strange = Authority(pki, "stranger").issue("operator", stem="strange")
        words = [word for name in names for word in ("--" + name.replace("_", "-"), getattr(operator, name))]
        self.tls = context(backend.ca, backend.certificate, backend.private_key)
        super().__init__(folder, site, lines, self.tls, (told, tuple(words)))


@pytest.fixture(scope="module")
def field(micropython, mosquitto, tmp_path_factory):
    """A board in control, confirmed in slot a."""
    yield from settled(Watched, tmp_path_factory.mktemp("tls-field"))


def test_an_update_over_mutual_tls_that_loses_its_power_goes_on_to_its_confirmation(field, capsys, monkeypatch):
    monkeypatch.setenv("REUSE_EDGE_PLAIN", "1")  # every file differs
    bundle = field.build("two.bundle", 101)
    size, order, codes = Path(bundle).stat().st_size, field.order(bundle), []
    begin, requests = time.monotonic(), Requests(field, field.tls)
    sender = threading.Thread(target=lambda: codes.append(field.send(order, bundle)), daemon=True)
    sender.start()
    try:
        assert rig.until(lambda: requests.asked > size * 0.3, WAIT_S), requests.asked
        field.board.power_cut()
        count, reached = requests.count, requests.asked
        assert rig.until(lambda: requests.count > count + 3, WAIT_S)
        assert requests.asked > reached - 3 * AHEAD, "what lies on the flash was fetched again"
        sender.join(2 * WAIT_S)
    finally:
        requests.stop()
    assert codes == [0], capsys.readouterr().err
    ready_s = time.monotonic() - begin
    assert field.settled("b"), field.software()
    print("%d bytes over TLS, ready after %.0f s, confirmed after %.0f s" % (size, ready_s, time.monotonic() - begin))


def test_who_has_no_certificate_of_the_authority_reaches_no_board(field, capsys):
    order = field.order(field.build("three.bundle", 102))
    before, files = field.software(), field.strange
    field.told = ("", ("--ca", files.ca, "--certificate", files.certificate, "--private-key", files.private_key))
    assert field.send(order, str(field.folder / "three.bundle")) == 3
    assert "certificate" in capsys.readouterr().err and field.software() == before
