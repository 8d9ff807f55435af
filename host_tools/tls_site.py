# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""TLS of a site: `ca:`, `certificate:` and `private_key:` of its uplink, checked when site.yaml is read, and the same
for a board, which wants DER."""

import datetime
import os
import time

from edge.core.settings import TLS_KEYS
from host_tools.certificate_site import opened

SOON_DAYS = 30
PLAIN_PORT, TLS_PORT = 1883, 8883
ON_BOARD = "board"  # in site.yaml and settings, for a key that only the board has
FOLDER = "tls"  # on a board, beside settings.json
BUILT = FOLDER + "/built"


def bytes_of(path):
    """The bytes of a file. Raises OSError."""
    with open(path, "rb") as file:
        return file.read()


def certificates(data):
    """[x509.Certificate] of PEM bytes; empty when they hold none."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        return []


def read(values, spot, entries, base, device):
    """Check the TLS files of an uplink and make their paths absolute in values.

    values, entries: of the section; spot: the section; base: folder of site.yaml; device: name of this controller.
    Raises SiteError.
    """
    given = [key for key in TLS_KEYS if values[key]]
    if not given:
        return
    for key in TLS_KEYS:
        if key not in given:
            problem = "%s is missing beside %s" % (key, " and ".join(given))
            raise spot.wrong(problem, "TLS needs %s, %s and %s; without TLS none of them" % TLS_KEYS)
    named = TLS_KEYS[:2] if values["private_key"] == ON_BOARD else TLS_KEYS
    data = {key: opened(entries[key], base, bytes_of) for key in named}
    for authority in _certificates(entries["ca"], data["ca"]):
        _refuse_date(entries["ca"], authority)
    own = _certificates(entries["certificate"], data["certificate"])[0]
    key = _private_key(entries["private_key"], data["private_key"]) if named == TLS_KEYS else None
    if key and key.public_key() != own.public_key():
        mend = "name the key that it was made for; %s is in line %d" % (
            values["certificate"],
            entries["certificate"].line,
        )
        raise entries["private_key"].wrong("is not the key of the certificate", mend)
    _refuse_date(entries["certificate"], own)
    name = common_name(own)
    if name != device:
        problem = "its common name is %s, this controller is '%s'" % ("'%s'" % name if name else "missing", device)
        raise entries["certificate"].wrong(
            problem, "the broker knows a controller by it: have it issued with CN=%s" % device
        )
    for key in named:
        values[key] = os.path.abspath(os.path.join(base, os.path.expanduser(values[key])))


def _certificates(spot, data):
    found = certificates(data)
    if not found:
        raise spot.wrong("%s holds no certificate" % spot.text(), "name a PEM file: -----BEGIN CERTIFICATE-----")
    return found


def _private_key(spot, data):
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(data, None)
    except TypeError:
        mend = "a controller starts alone: openssl pkey -in %s -out OPEN.key, and keep that file private" % spot.text()
        raise spot.wrong("%s is locked with a passphrase" % spot.text(), mend) from None
    except (ValueError, UnsupportedAlgorithm):
        raise spot.wrong("%s is no private key" % spot.text(), "name a PEM file: -----BEGIN PRIVATE KEY-----") from None


def common_name(certificate):
    """The common name of a certificate, or None."""
    from cryptography.x509.oid import NameOID

    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return found[0].value if found else None


def _refuse_date(spot, certificate):
    now = datetime.datetime.now(datetime.UTC)
    mend = "have a new one issued; set the clock of this machine if it is wrong (%s)" % now.date()
    if now > certificate.not_valid_after_utc:
        raise spot.wrong("%s expired on %s" % (spot.text(), certificate.not_valid_after_utc.date()), mend)
    if now < certificate.not_valid_before_utc:
        raise spot.wrong("%s is valid only from %s" % (spot.text(), certificate.not_valid_before_utc), mend)


def remarks(settings, entries):
    """What to look at, as host_tools.cautions has it: (Spot, problem, mend, forbids control)."""
    place = settings["uplink"]
    if not place or not place["ca"]:
        return []
    spots, found = entries["uplink"].entries(), []
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=SOON_DAYS)
    for key in TLS_KEYS[:2]:
        end = min(each.not_valid_after_utc for each in certificates(bytes_of(place[key])))
        if end < soon:
            problem = "%s expires on %s; the broker is not reached after that" % (spots[key].text(), end.date())
            found.append((spots[key], problem, "have a new one issued before", False))
    if place["port"] == PLAIN_PORT:
        problem = "port %d is usual without TLS" % PLAIN_PORT
        found.append(
            (spots.get("port", entries["uplink"]), problem, "with TLS most brokers listen on %d" % TLS_PORT, False)
        )
    on_board = place["private_key"] == ON_BOARD
    if not on_board and os.name == "posix" and os.stat(place["private_key"]).st_mode & 0o077:
        mend = "chmod 600 %s" % spots["private_key"].text()
        found.append((spots["private_key"], "others on this machine can read the private key", mend, False))
    return found


def place_of(key):
    """Where the file of a key of site.yaml lies on a board."""
    return "%s/%s.der" % (FOLDER, key)


PRIVATE = place_of("private_key")
REQUEST = place_of("request")  # of a private key that was made for the board and lies nowhere else
KEYS = FOLDER + "/keys.json"  # the acknowledgement key and the order key that were made for the board


def der_of(private):
    """The bytes of a private key as MicroPython's TLS takes it."""
    from cryptography.hazmat.primitives import serialization as form

    return private.private_bytes(form.Encoding.DER, form.PrivateFormat.TraditionalOpenSSL, form.NoEncryption())


def kept_on_board(settings):
    """The place in site.yaml of a key that only a board has, or None."""
    place = settings["uplink"] or {}
    if place.get("private_key") == ON_BOARD:
        return "uplink.private_key"
    if place.get("ack_key") == ON_BOARD:
        return "uplink.ack_key"
    return "trust" if any(row.get("kind") == ON_BOARD for row in settings.get("trust") or ()) else None


def for_board(settings):
    """(settings, {path on the board: bytes}) with the TLS files of load_site's settings as DER; no files without TLS.

    Raises OSError, and ValueError for what MicroPython's TLS cannot use.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    place = settings["uplink"]
    if not place or not place.get("ca"):
        return settings, {}
    held = {key: certificates(bytes_of(place[key])) for key in TLS_KEYS[:2]}
    for key, found in held.items():
        if not all(isinstance(each.public_key(), (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)) for each in found):
            raise ValueError("uplink.%s: MicroPython's TLS takes RSA and EC keys only\n  → %s" % (key, KEY_MEND))
    if len(held["certificate"]) > 1:
        raise ValueError(
            "uplink.certificate: a board sends one certificate\n  → have it issued by the authority itself"
        )
    files = {
        place_of(key): b"".join(each.public_bytes(form.Encoding.DER) for each in held[key]) for key in TLS_KEYS[:2]
    }
    if place["private_key"] != ON_BOARD:
        files[PRIVATE] = der_of(form.load_pem_private_key(bytes_of(place["private_key"]), None))
    uplink = {**place, **{key: place_of(key) for key in TLS_KEYS}}
    files[BUILT] = b"%d" % int(time.time())
    return {**settings, "uplink": uplink}, files


KEY_MEND = "make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"


def add_options(parser):
    """Give a verb that talks to a broker the options of TLS; context_of() reads them."""
    group = parser.add_argument_group("TLS (PEM files)")
    group.add_argument("--ca", metavar="FILE", help="authority of the broker's certificate: speak TLS and verify it")
    group.add_argument("--certificate", metavar="FILE", help="our own certificate")
    group.add_argument("--private-key", metavar="FILE", help="the private key of that certificate")


class OptionError(Exception):
    """The options of TLS do not belong together."""

    exit_code = 2


def context_of(options):
    """The ssl.SSLContext of the options of add_options(), or None without them. Raises OptionError, OSError."""
    if bool(options.certificate) != bool(options.private_key):
        raise OptionError("--certificate and --private-key belong together\n  → give both, or neither")
    if options.certificate and not options.ca:
        raise OptionError("--certificate without --ca\n  → name the authority that signs the broker's certificate")
    if not options.ca:
        return None
    from edge.shell.gateway_tls import context

    return context(options.ca, options.certificate, options.private_key)
