# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The identity of a board: its keys are made in the memory of this process, written over the cable, and kept nowhere
on this machine.

On the board, outside the slots: tls/private_key.der, tls/request.der (who sees it knows that the key is the board's
own), tls/keys.json (acknowledgement key and order key). Here: pki/DEVICE.csr, which is no secret. The two HMAC keys go
to the backend in files that the operator asks for by name (--hand-over), once.
"""

import datetime
import hashlib
import json
import os
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from host_tools import commission_texts as texts
from host_tools import documents, tls_site
from host_tools.cable import Cable
from host_tools.commission_job import Skip, StepError, row, say
from host_tools.remote import CLOCK

NAMES = {"ack": "%s.mac", "order": "%s-order.mac"}  # the HMAC keys, and their files for the backend


def identity(job):
    """Rows of the board's keys and certificate; Skip while the certificate is still to come. Raises StepError."""
    stem = os.path.join(job.base, "pki", job.settings["device"])
    paths = {"certificate": stem + ".crt", "ca": os.path.join(job.base, "pki", "ca.pem")}
    missing = [path for path in paths.values() if not os.path.exists(path)]
    found = []
    if not missing and os.path.exists(stem + ".csr"):  # a wrong one is refused before the board stops for it
        request = x509.load_pem_x509_csr(tls_site.bytes_of(stem + ".csr"))
        checked(paths, job.settings["device"], request.public_key(), stem + ".csr")
    if not os.path.exists(stem + ".csr") or job.hand_over or not missing:
        job.answers.go("identity", "go.identity")
        job.live.end()
        try:
            with Cable(job.live.port) as cable:
                found = provided(job, cable, stem)
                if not missing:
                    found = certified(job, cable, stem, paths) + found
        finally:
            job.live.again()
    if missing:
        say("  " + texts.word(job.lang, "csr", stem + ".csr", *paths.values()))
        raise Skip("the certificate is still to come: %s" % (stem + ".csr"))
    say("  %s:" % texts.word(job.lang, "tls_lines"))
    for key, value in (("ca", "pki/ca.pem"), ("certificate", "pki/%s" % os.path.basename(stem + ".crt"))):
        say("    %s: %s" % (key, value))
    say("    private_key: %s" % tls_site.ON_BOARD)
    return found


def provided(job, cable, stem):
    """Make what the board has not: its key pair, and with job.hand_over its HMAC keys; rows about the latter."""
    there = cable.sizes()
    files, found = {}, []
    if not os.path.exists(stem + ".csr"):
        if tls_site.REQUEST in there:  # the request was lost here, the key was not
            write_request(stem, cable.read(tls_site.REQUEST))
        else:
            files.update(pair(job.settings["device"]))
    handed = []
    if job.hand_over:
        if tls_site.KEYS in there:
            raise StepError("handed_twice")
        raw = {name: os.urandom(32) for name in NAMES}
        handed = hand_over(job, raw)
        ids = {name: documents.id_of(raw[name]) for name in NAMES}
        kept = {"ack_key": raw["ack"].hex(), "order": [ids["order"], raw["order"].hex()]}
        files[tls_site.KEYS] = json.dumps(kept).encode()
        found = [
            row("id of the acknowledgement key", job.settings["device"], ids["ack"]),
            row("id of the order key", job.settings["device"], ids["order"]),
            row("handed over to", job.settings["device"], ", ".join(handed)),
        ]
    try:
        cable.write(files)
    except BaseException:
        for path in handed:
            os.remove(path)
        raise
    if tls_site.REQUEST in files:
        write_request(stem, files[tls_site.REQUEST])
    if handed:
        say("  " + texts.word(job.lang, "handed", *handed))
        say("  %s: uplink: {ack_key: board}, trust: {operator: [board]}" % texts.word(job.lang, "key_lines"))
    return found


def pair(device):
    """{path on the board: bytes} of a new key pair (EC P-256) and its request; the request last."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder()
    request = request.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)]))
    data = request.sign(key, hashes.SHA256()).public_bytes(form.Encoding.DER)
    return {tls_site.PRIVATE: tls_site.der_of(key), tls_site.REQUEST: data}


def write_request(stem, data):
    """Write a request (DER bytes) as PEM to STEM.csr: it is no secret."""
    os.makedirs(os.path.dirname(stem), exist_ok=True)
    with open(stem + ".csr", "wb") as file:
        file.write(x509.load_der_x509_csr(data).public_bytes(form.Encoding.PEM))


def hand_over(job, raw):
    """Write the HMAC keys to new files that only their owner reads; their paths. Raises StepError."""
    paths = []
    try:
        for name, form_of in NAMES.items():
            path = os.path.join(job.hand_over, form_of % job.settings["device"])
            documents.write_new(path, documents.DeviceKey.MARK + raw[name].hex().encode() + b"\n", 0o600)
            paths.append(path)
    except (OSError, documents.DocumentError) as error:
        for path in paths:
            os.remove(path)
        raise StepError("hand_over", job.hand_over, str(error).splitlines()[0]) from None
    return paths


def certified(job, cable, stem, paths):
    """Put the certificate that came back, and its authority, onto the board; rows about it. Raises StepError when it is
    not of the key on the board, of this device, in time, and signed by that authority."""
    name = job.settings["device"]
    if tls_site.REQUEST not in cable.sizes():
        raise StepError("board_no_key", stem + ".csr")
    public = x509.load_der_x509_csr(cable.read(tls_site.REQUEST)).public_key()
    own, authorities = checked(paths, name, public, stem + ".csr")
    files = {tls_site.place_of("ca"): b"".join(each.public_bytes(form.Encoding.DER) for each in authorities)}
    files[tls_site.place_of("certificate")] = own.public_bytes(form.Encoding.DER)
    files[tls_site.BUILT] = b"%d" % int(time.time())
    cable.write(files)
    cable.run(CLOCK % (time.gmtime()[:7],))
    raw = public.public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
    return [
        row("certificate", name, own.subject.rfc4514_string(), expected="CN=%s" % name),
        row("issuer", name, own.issuer.rfc4514_string()),
        row("valid until", name, own.not_valid_after_utc.date().isoformat()),
        row("certificate sha256", name, own.fingerprint(hashes.SHA256()).hex()),
        row("public key sha256", name, hashlib.sha256(raw).hexdigest()),
        row("key made", name, "on the engineer's machine in memory, written over the cable, not kept there"),
    ]


def checked(paths, name, public, request):
    """(certificate, [authority]) of the files in paths. Raises StepError."""
    held = {}
    for key, path in paths.items():
        held[key] = tls_site.certificates(tls_site.bytes_of(path))
        if not held[key]:
            raise StepError("certificate", path, "no certificate (PEM)", request)
    own, path = held["certificate"][0], paths["certificate"]
    now = datetime.datetime.now(datetime.UTC)
    if own.public_key() != public:
        raise StepError("certificate", path, "not of the key of the board", request)
    if tls_site.common_name(own) != name:
        raise StepError("certificate", path, "its common name is %s" % tls_site.common_name(own), request)
    if len(held["certificate"]) > 1:
        raise StepError("certificate", path, "a board sends one certificate, this file has more", request)
    if not own.not_valid_before_utc <= now <= own.not_valid_after_utc:
        raise StepError("certificate", path, "not valid today (%s)" % now.date(), request)
    from host_tools.commission_identity import signed_by

    if not any(signed_by(own, authority) for authority in held["ca"]):
        raise StepError("certificate", path, "not signed by %s" % paths["ca"], request)
    return own, held["ca"]
