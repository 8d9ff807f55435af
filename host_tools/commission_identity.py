# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The identity of a gateway: a private key that is made on it and never leaves it, a request, and the certificate.
A board's is in host_tools/commission_board.py.

Files, beside site.yaml: pki/DEVICE.key (mode 0600), pki/DEVICE.csr for the operator's authority, and what comes back:
pki/DEVICE.crt and pki/ca.pem. No key of a fleet: each device has its own.
"""

import hashlib
import os

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from host_tools import commission_texts as texts
from host_tools import documents
from host_tools.commission_job import Absent, Skip, StepError, row, say
from host_tools.commission_live import OnBoard
from host_tools.tls_site import ON_BOARD, common_name

PEM = serialization.Encoding.PEM


def identity(job):
    """Rows of the key and certificate of this controller; Skip while the certificate is still to come."""
    uplink = job.settings["uplink"]
    if not uplink:
        raise Absent("no uplink: in site.yaml")
    if isinstance(job.live, OnBoard) and uplink.get("private_key") in (None, "", ON_BOARD):
        from host_tools import commission_board

        return commission_board.identity(job)
    if uplink.get("certificate"):
        return described(job, uplink["private_key"], uplink["certificate"], uplink["ca"])
    if not job.live.ours:
        raise Absent("the key is made where the controller runs: docs/COMMISSION.md, identity")
    folder = os.path.join(job.base, "pki")
    stem = os.path.join(folder, job.settings["device"])
    if not os.path.exists(stem + ".key"):
        job.answers.go("identity", "go.identity")
        os.makedirs(folder, exist_ok=True)
        make(stem, job.settings["device"])
    if not os.path.exists(stem + ".crt") or not os.path.exists(os.path.join(folder, "ca.pem")):
        say("  " + texts.word(job.lang, "csr", stem + ".csr", stem + ".crt", os.path.join(folder, "ca.pem")))
        raise Skip("the certificate is still to come: %s" % (stem + ".csr"))
    found = described(job, stem + ".key", stem + ".crt", os.path.join(folder, "ca.pem"))
    say("  %s:" % texts.word(job.lang, "tls_lines"))
    name = os.path.basename(stem)
    for key, path in (("ca", "ca.pem"), ("certificate", name + ".crt"), ("private_key", name + ".key")):
        say("    %s: pki/%s" % (key, path))
    return found


def make(stem, device):
    """Write STEM.key (P-256, mode 0600) and the request STEM.csr with the common name device."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder()
    request = request.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)]))
    secret = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    documents.write_new(stem + ".key", secret, 0o600)
    with open(stem + ".csr", "wb") as file:
        file.write(request.sign(key, hashes.SHA256()).public_bytes(PEM))


def described(job, key_path, certificate_path, ca_path):
    """Rows of a key and its certificate. Raises StepError when they do not belong together or to this device."""
    with open(key_path, "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    own = loaded(job, certificate_path)[0]
    request = os.path.splitext(key_path)[0] + ".csr"
    if own.public_key() != key.public_key():
        raise StepError("certificate", certificate_path, "not of the key made here", request)
    if common_name(own) != job.settings["device"]:
        raise StepError("certificate", certificate_path, "its common name is %s" % common_name(own), request)
    if not any(signed_by(own, authority) for authority in loaded(job, ca_path)):
        raise StepError("certificate", certificate_path, "not signed by %s" % ca_path, request)
    name = job.settings["device"]
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return [
        row("certificate", name, own.subject.rfc4514_string(), expected="CN=%s" % name),
        row("issuer", name, own.issuer.rfc4514_string()),
        row("valid until", name, own.not_valid_after_utc.date().isoformat()),
        row("certificate sha256", name, own.fingerprint(hashes.SHA256()).hex()),
        row("public key sha256", name, hashlib.sha256(public).hexdigest()),
        row("key made", name, "on this machine, mode %o" % (os.stat(key_path).st_mode & 0o777)),
    ]


def loaded(job, path):
    """The certificates of a PEM file. Raises StepError."""
    try:
        with open(path, "rb") as file:
            return x509.load_pem_x509_certificates(file.read())
    except ValueError:
        raise StepError("certificate", path, "no certificate (PEM)", "") from None


def signed_by(certificate, authority):
    """True when authority signed certificate."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True
