# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Certificates for the tests of TLS: made when a test needs them, never kept, and no secret to anybody."""

import datetime
import ipaddress
from collections import namedtuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
# ca, certificate, private_key: paths (str) of PEM files; the names are those of site.yaml.
Files = namedtuple("Files", ("ca", "certificate", "private_key"))


def now():
    """Now, in UTC, with its time zone."""
    return datetime.datetime.now(datetime.UTC)


def named(text):
    """The X.509 name with the common name `text`; an empty one without."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def secret(key, kind=serialization.PrivateFormat.PKCS8, lock=None):
    """The PEM bytes of a private key; lock: passphrase (bytes) or None."""
    how = serialization.BestAvailableEncryption(lock) if lock else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, kind, how)


class Authority:
    """A certificate authority in memory that writes what it issues into `folder` (Path)."""

    def __init__(self, folder, name="authority", begin=None, end=None):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = named(name)
        self.ca = str(folder / (name + ".pem"))
        begin, end = begin or now() - 100 * DAY, end or now() + 100 * DAY
        cert = self._built(self.name, self.key.public_key(), begin, end, None, True)
        (folder / (name + ".pem")).write_bytes(cert.public_bytes(serialization.Encoding.PEM))

    def issue(self, name, begin=None, end=None, hosts=(), key=None, stem=None):
        """Files of a new certificate with the common name `name`. hosts: DNS names and addresses of a server."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        begin, end = begin or now() - DAY, end or now() + 90 * DAY
        cert = self._built(named(name), key.public_key(), begin, end, hosts, False)
        stem = self.folder / (stem or name)
        paths = stem.with_suffix(".crt"), stem.with_suffix(".key")
        paths[0].write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(secret(key))
        return Files(self.ca, *map(str, paths))

    def _built(self, subject, public, begin, end, hosts, authority):
        make = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public)
        make = make.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
        make = make.add_extension(x509.BasicConstraints(authority, None), True)
        if authority:
            usage = dict.fromkeys(
                "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
                "encipher_only decipher_only".split(),
                False,
            )
            make = make.add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), True)
        if hosts:
            make = make.add_extension(x509.SubjectAlternativeName([alternative(host) for host in hosts]), False)
        return make.sign(self.key, hashes.SHA256())


def alternative(host):
    """A host name or address as an entry of subjectAltName."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
