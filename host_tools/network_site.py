# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`network:` of a site: how a board joins its network. The password stays in its own file until it is written to the
board, where it lies in /secrets.json, outside the slots: settings, manifest and bundle never hold it."""

from host_tools.certificate_site import opened

PASSWORD = (8, 63)  # characters that WPA2 and WPA3 take


def password(path):
    """The password in the file at path, without its line end. Raises OSError, and ValueError for what is none."""
    with open(path, encoding="utf-8-sig") as file:
        text = file.read().rstrip("\r\n")
    if not PASSWORD[0] <= len(text) <= PASSWORD[1] or not all(" " <= sign <= "~" for sign in text):
        raise ValueError("holds no password of %d to %d ASCII characters in one line" % PASSWORD)
    return text


def without_password(settings, word):
    """What the file of secrets holds for the network of settings, where word stands in the place of its password."""
    own = settings.get("network") or {}
    if not own.get("password_file"):
        return {}
    found = {"wifi_password": password(own["password_file"])}
    own["password_file"] = word
    return found


def read(spot, base, read_section):
    """The settings of section network at spot; base: folder of site.yaml. Raises SiteError."""
    values, entries = read_section(spot, "network")
    if values["kind"] == "wifi":
        if values["ssid"] is None:
            raise spot.wrong("ssid is missing", "add ssid: the name of the wireless network")
    else:
        for key in ("ssid", "password_file", "country"):
            if key in entries:
                raise entries[key].wrong("stands beside kind: ethernet", "remove it: a cable needs none")
    if "country" in entries and not (values["country"].isalpha() and values["country"].isupper()):
        raise entries["country"].wrong("'%s' is no country" % values["country"], "two capital letters: KR")
    if values["password_file"]:
        values["password_file"] = opened(entries["password_file"], base, lambda path: _usable(path, entries))
    return values


def _usable(path, entries):
    """The absolute path of a file that holds a password."""
    import os

    try:
        password(path)
    except ValueError as error:  # UnicodeDecodeError too: its text would show bytes of the file
        problem = "is no text" if isinstance(error, UnicodeDecodeError) else str(error)
        spot = entries["password_file"]
        raise spot.wrong("%s %s" % (spot.text(), problem), "write nothing but the password into it") from None
    return os.path.abspath(path)


def problems(board, settings):
    """[(place, what is wrong, what to do)] of the network that a site asks of a board (host_tools.boards)."""
    own = settings.get("network")
    if not own or board.network in (own["kind"], "host"):
        return []
    has = board.network or "no network"
    return [("network.kind", "%s has %s, not %s" % (board.name, has, own["kind"]), "write kind: %s" % has)]


def told(board, settings):
    """What joins the board to its network, in words."""
    own = settings.get("network")
    if own:
        return "wifi %s" % own["ssid"] if own["kind"] == "wifi" else own["kind"]
    if board.network == "host":
        return "that of this machine"
    return "nothing joins one: add section network (kind: wifi, ssid, password_file)"
