# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge build`: one file with all that a slot of a board holds, and a signed manifest of it.

The file: one line with the size of the manifest, the manifest, one line with the signature, then the files in the
order of the manifest, at last the SBOM. So it can be read from its beginning, and each byte has a place. The manifest
is text, one thing a line (edge/shell/slots.py reads it on the board); its last line holds the CRC-32 of those before.
The signature is Ed25519 over PREFIX and the SHA-256 of the manifest. The same inputs give the same bytes; a secret is
never inside.
"""

import argparse
import binascii
import getpass
import hashlib
import os
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

from edge.core.report import VERSION_TEXT
from edge.shell.update import PREFIX
from host_tools import boards, documents
from host_tools import bundle as bundles
from host_tools.bundle import BundleError

MAGIC = "reuse-edge bundle 1"
ANY_BOARD = "any"
UNSIGNED = "unsigned"

# head: {word: text after it}, of the lines that come once. files: [(path, size, sha256 hex)]. raw: bytes of the
# manifest. signer, signature: of the line behind it, None when unsigned. start: where the first file begins.
Manifest = namedtuple("Manifest", ("head", "profiles", "files", "raw", "signer", "signature", "start"))


def rollback_of(version):
    """The number that orders versions: 1.2.3 -> 1002003. A change of settings alone does not raise it."""
    major, minor, patch = [int(part) for part in version.split("+")[0].split(".")]
    return (major * 1000 + minor) * 1000 + patch


def manifest_of(bundle, settings, board, rollback, sbom=b""):
    """The bytes of the manifest of a bundles.Bundle. settings: of the site, for names; board: name of its kind."""
    slot = sorted(path for path in bundle.files if not bundles.is_outside(path))
    lines = [MAGIC, "device %s" % named(settings["device"]), "board %s" % board, "mpy %d %d" % bundle.mpy]
    lines += ["version %s" % VERSION_TEXT, "rollback %d" % rollback]
    lines.append("settings %s" % bundle.files["settings.json"])
    for path in slot:
        if path.startswith("bms_bridge/tables/") and "__init__" not in path:
            lines.append("profile %s %s" % (Path(path).stem, bundle.files[path]))
    lines.append("sbom %d %s" % (len(sbom), hashlib.sha256(sbom).hexdigest()))
    lines += ["file %d %s %s" % (bundle.sizes[path], bundle.files[path], path) for path in slot]
    raw = ("\n".join(lines) + "\n").encode()
    return raw + b"end %08x\n" % binascii.crc32(raw)


def named(device):
    """A device's name as one word."""
    return device.replace(" ", "_")


def sbom_of(bundle, banner):
    """What the bundle is made of, in the form of CycloneDX, as JSON bytes. banner: what mpy-cross says of itself."""

    def row(name, version, kind="library", digest=None):
        made = {"type": kind, "name": name, "version": version}
        return {**made, "hashes": [{"alg": "SHA-256", "content": digest}]} if digest else made

    modules = [path for path in sorted(bundle.files) if path.endswith(".mpy")]
    components = [row(path[:-4].replace("/", "."), VERSION_TEXT, digest=bundle.files[path]) for path in modules]
    tested = sorted({each.micropython for each in boards.BOARDS})
    components += [row("micropython", " or ".join(tested), "platform"), row("mpy-cross", banner, "application")]
    top = {"component": row("reuse-edge", VERSION_TEXT, "firmware")}
    body = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": top, "components": components}
    return bundles.as_json(body) + b"\n"


def packed(bundle, raw, sbom, private=None):
    """The bytes of the bundle file. private: documents.load_private(), None: not signed."""
    line = UNSIGNED
    if private is not None:
        digest = hashlib.sha256(raw).digest()
        line = "ed25519 %s %s" % (documents.public_of(private).id, private.sign(PREFIX + digest).hex())
    parts = [b"%s %d\n" % (MAGIC.encode(), len(raw)), raw, line.encode() + b"\n"]
    parts += [(bundle.folder / path).read_bytes() for path in slot_files(raw)]
    return b"".join([*parts, sbom])


def slot_files(raw):
    """Paths of the files in the manifest, in its order."""
    return [line.split(" ", 3)[3] for line in raw.decode().splitlines() if line.startswith("file ")]


def wrong(path, problem):
    """The BundleError of a file that is no bundle."""
    return BundleError("%s: %s\n  → make it again with reuse-edge build" % (path, problem))


def parse(path, data):
    """The Manifest in the bytes of a bundle file, its form checked, its signature not. Raises BundleError."""
    try:
        line, _, rest = data.partition(b"\n")
        magic, size = line.decode().rsplit(" ", 1)
        raw, (sign, _, files) = rest[: int(size)], rest[int(size) :].partition(b"\n")
        words = [line.split(" ") for line in raw.decode().splitlines()]
        body, last = raw[: raw.rindex(b"\nend ") + 1], words[-1]
        if magic != MAGIC or last != ["end", "%08x" % binascii.crc32(body)]:
            raise wrong(path, "is no bundle of this version")
        head = head_of(raw)
        rows = [(" ".join(row[3:]), int(row[1]), row[2]) for row in words if row[0] == "file"]
        signer = sign.decode().split(" ")
    except (ValueError, IndexError, UnicodeDecodeError):
        raise wrong(path, "is no bundle") from None
    found = (signer[1], bytes.fromhex(signer[2])) if signer[0] == "ed25519" else (None, None)
    profiles = [row[1:] for row in words if row[0] == "profile"]
    return Manifest(head, profiles, rows, raw, *found, len(data) - len(files))


def head_of(raw):
    """{word: text after it} of the lines of a manifest (bytes) that come once."""
    words = [line.split(" ", 1) for line in raw.decode().splitlines()]
    return {row[0]: row[1] for row in words if row[0] not in ("file", "profile", "end")}


def is_bundle(path):
    """True when the file at path begins like a bundle."""
    with open(path, "rb") as file:
        return file.read(len(MAGIC)) == MAGIC.encode()


def unpack(path, folder):
    """(bundles.Bundle in folder, Manifest) of a bundle file: each file is what it says. Raises BundleError."""
    data = Path(path).read_bytes()
    manifest = parse(path, data)
    at, files = manifest.start, {}
    for name, size, digest in manifest.files:
        files[name], at = data[at : at + size], at + size
        if hashlib.sha256(files[name]).hexdigest() != digest or ".." in name or name.startswith("/"):
            raise wrong(path, "%s in it is damaged" % name)
    if bundles.LOADER_COPY not in files:
        raise wrong(path, "is of an older version and has no loader")
    files.update(bundles.starters(files[bundles.LOADER_COPY]))
    bundles.write_tree(Path(folder), files)
    digests = {name: hashlib.sha256(part).hexdigest() for name, part in files.items()}
    sizes = {name: len(part) for name, part in files.items()}
    mpy = tuple(int(part) for part in manifest.head["mpy"].split(" "))
    return bundles.Bundle(Path(folder), digests, sizes, mpy), manifest


def verified(manifest, keys):
    """The documents.Key of keys that signed a Manifest, or None."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    for key in keys:
        if key.id == manifest.signer:
            try:
                message = PREFIX + hashlib.sha256(manifest.raw).digest()
                Ed25519PublicKey.from_public_bytes(key.raw).verify(manifest.signature, message)
            except InvalidSignature:
                return None
            return key
    return None


def built(site, folder, board, root=bundles.ROOT):
    """(bundles.Bundle in folder, settings) of a site.yaml for a kind of board (name or ANY_BOARD)."""
    from host_tools.certificate_site import files_of
    from host_tools.site import load_site

    settings = load_site(site)
    documents_of = files_of(settings, site)
    made = settings
    if board != ANY_BOARD:
        boards.checked(boards.board(board), settings, os.path.basename(site))
        made = boards.adapted(boards.board(board), settings)
    place = str(Path(site).resolve().parent)
    return bundles.build(folder, made, bundles.BOARD, base=place, documents=documents_of, root=root), settings


def build(options):
    """Write the bundle; returns the exit code."""
    private = None
    if options.key:
        private = documents.load_private(options.key, lambda: getpass.getpass("passphrase of %s: " % options.key))
    with tempfile.TemporaryDirectory(prefix="reuse-edge-build-") as folder:
        bundle, settings = built(options.site, folder, options.board)
        sbom = sbom_of(bundle, bundles.mpy_version(bundles.compiler())[1])
        rollback = rollback_of(VERSION_TEXT) if options.rollback is None else options.rollback
        raw = manifest_of(bundle, settings, options.board, rollback, sbom)
        data = packed(bundle, raw, sbom, private)
        out = options.out or "%s-%s.bundle" % (named(settings["device"]), VERSION_TEXT)
        Path(out).write_bytes(data)
        secret = sorted(path for path in bundle.files if bundles.is_outside(path) and path not in bundles.STARTERS)
    result = {"bundle": out, "bytes": len(data), "sha256": hashlib.sha256(raw).hexdigest(), "rollback": rollback}
    result.update(board=options.board, files=len(slot_files(raw)), signed=bool(private), left_out=secret)
    print(bundles.as_json(result).decode() if options.json else page(result))
    return 0


def page(result):
    """The result for people."""
    lines = [
        "%s: %d bytes, %d files for board %s" % tuple(result[key] for key in ("bundle", "bytes", "files", "board"))
    ]
    lines.append("manifest SHA-256 %s, roll-back number %d" % (result["sha256"], result["rollback"]))
    if not result["signed"]:
        lines.append("not signed: good for `reuse-edge flash` by cable, refused over the air\n  → add --key FILE")
    if result["left_out"]:
        lines.append("left out, because they are secrets or of one device: %s" % ", ".join(result["left_out"]))
        lines.append("  → they get onto the board by `reuse-edge flash PORT site.yaml`, once; updates keep them")
    return "\n".join(lines)


def exception(options):
    """Write a signed permission for one device to go back to an older roll-back number; returns the exit code."""
    private = documents.load_private(options.key, lambda: getpass.getpass("passphrase of %s: " % options.key))
    data = documents.sign(documents.EXCEPTION, {1: options.allow_older, 2: options.rollback or 0}, private)
    out = options.out or "%s.older" % named(options.allow_older)
    documents.write_new(out, data)
    print("%s: %s may go back to roll-back number %d" % (out, options.allow_older, options.rollback or 0))
    return 0


def parse_options(argv):
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        "reuse-edge build", description="One signed file with which `flash` and updates over the air work offline."
    )
    parser.add_argument("site", nargs="?", help="site.yaml")
    kinds = (*boards.names(), ANY_BOARD)
    parser.add_argument("--board", choices=kinds, default=ANY_BOARD, help="kind of board (default: any)")
    parser.add_argument("-o", "--out", metavar="FILE", help="the bundle (default: DEVICE-VERSION.bundle)")
    parser.add_argument("--key", metavar="FILE", help="private key that signs (reuse-edge key new NAME --role release)")
    parser.add_argument("--rollback", type=int, metavar="N", help="roll-back number (default: from the version)")
    text = "write a permission to go back to --rollback N instead, for this device; flash --allow-older takes it"
    parser.add_argument("--allow-older", metavar="DEVICE", help=text)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    options = parser.parse_args(argv)
    if bool(options.site) == bool(options.allow_older) or (options.allow_older and not options.key):
        parser.error("name a site.yaml, or --allow-older DEVICE with --key")
    return options


def main(argv=None):
    """Entry point of the verb `build`. Returns 0."""
    options = parse_options(sys.argv[1:] if argv is None else argv)
    return exception(options) if options.allow_older else build(options)
