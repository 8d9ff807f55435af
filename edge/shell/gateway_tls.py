# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""TLS of a Linux gateway and of the tools beside a broker: both ends show certificates, and both are verified."""

import ssl

REFUSED = "broker ended the TLS handshake: it may not accept our certificate (authority, name or date), or wants one"


class TlsError(OSError):
    """A file cannot be used for TLS; the text says which and why."""


def context(ca, certificate, private_key):
    """An ssl.SSLContext that takes only a broker whose certificate is valid, of the authority in the PEM file `ca`, and
    for the host that we call; certificate, private_key: PEM files of our own, or None for neither. TLS 1.2 or newer.

    Raises TlsError.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.verify_mode = ssl.CERT_REQUIRED
    made.check_hostname = True
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    for path in (ca, certificate, private_key):
        if path:
            _readable(path)
    try:
        made.load_verify_locations(ca)
    except ssl.SSLError as error:
        raise TlsError("%s: no certificate of an authority (PEM): %s" % (ca, error.reason or error)) from error
    if certificate:
        try:
            made.load_cert_chain(certificate, private_key, lambda: b"")  # never asks a terminal for a passphrase
        except ssl.SSLError as error:
            text = "%s and %s: no certificate with its key (PEM, no passphrase): %s"
            raise TlsError(text % (certificate, private_key, error.reason or error)) from error
    return made


def _readable(path):
    try:
        open(path, "rb").close()
    except OSError as error:
        raise TlsError("%s: %s" % (path, (error.strerror or str(error)).lower())) from error


def of(place):
    """Function that gives the context of an uplink's settings, or None: no TLS.

    The files are read anew for each connection, so that a renewed certificate needs no restart.
    """
    if not place.get("ca"):
        return None
    return lambda: context(place["ca"], place["certificate"], place["private_key"])


def why(error):
    """What a failed handshake means, as text. error: ssl.SSLError."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "broker's certificate is not accepted: %s" % error.verify_message
    if "ALERT" in (error.reason or "") or isinstance(error, ssl.SSLEOFError):
        return "%s: %s" % (REFUSED, error.reason or "it hung up")
    return "TLS: %s" % (error.reason or error)
