# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A YAML file as a tree in which every value knows its file, line and key, for errors that show the place."""

import difflib

import yaml


class ProfileError(Exception):
    """A profile is wrong. file: its path. place: "line: key". reason: what is wrong. mend: what to do."""

    def __init__(self, file, place, reason, mend):
        super().__init__(file, place, reason, mend)
        self.file = str(file)
        self.place = place
        self.reason = reason
        self.mend = mend

    def __str__(self):
        return f"{self.file}:{self.place}: {self.reason}\n  → {self.mend}"


class Spot:
    """One value of the file. value: a scalar, a dict {key: Spot} or a list of Spots."""

    def __init__(self, file, key, line, value):
        self.file = file
        self.key = key
        self.line = line
        self.value = value

    def wrong(self, reason, mend):
        """A ProfileError at this place, to be raised."""
        return ProfileError(self.file, f"{self.line}: {self.key}" if self.key else str(self.line), reason, mend)

    def table(self, required=(), optional=(), free=False):
        """The mapping {key: Spot}; a key that is missing or unknown is an error. free: any key goes."""
        if not isinstance(self.value, dict):
            raise self.wrong("a mapping was expected", "write key: value lines, indented")
        for key, spot in self.value.items():
            if not free and key not in required and key not in optional:
                near = difflib.get_close_matches(str(key), [*required, *optional], 1, 0.6)
                mend = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted([*required, *optional]))}"
                raise spot.wrong("unknown key", mend)
        for key in required:
            if key not in self.value:
                raise self.wrong(f"{key} is missing", f"add {key}: ...")
        return self.value

    def items(self):
        """The list of Spots."""
        if not isinstance(self.value, list):
            raise self.wrong("a list was expected", "write [a, b] or lines that begin with -")
        return self.value

    def integer(self, low, high):
        """The integer, low and high inclusive."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.wrong(f"{self.value!r} is not an integer", f"give an integer from {low} to {high}")
        if not low <= self.value <= high:
            raise self.wrong(f"{self.value} is outside {low} to {high}", "correct the number")
        return self.value

    def text(self):
        """The text, not empty."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.wrong("a text was expected", "write it between quotes")
        return self.value.strip()

    def word(self, words):
        """One of words."""
        if self.value not in words:
            near = difflib.get_close_matches(str(self.value), words, 1, 0.5)
            mend = f"did you mean {near[0]}?" if near else f"one of: {', '.join(words)}"
            raise self.wrong(f"{self.value!r} is not known here", mend)
        return self.value

    def plain(self):
        """The value without places, as dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: spot.plain() for key, spot in self.value.items()}
        if isinstance(self.value, list):
            return [spot.plain() for spot in self.value]
        return self.value


def read_yaml(path):
    """The file at path as a Spot tree. Raises ProfileError; FileNotFoundError when there is no file."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise ProfileError(path, "1", "the file is empty", "begin with name: ...")
        return _spot(loader, path, "", node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        reason = f"not YAML: {error.problem or error.context}"
        raise ProfileError(path, str(line), reason, "check indentation, quotes and colons") from None
    except yaml.YAMLError as error:
        raise ProfileError(path, "1", f"not YAML: {error}", "save the file as plain UTF-8 text") from None
    finally:
        loader.dispose()


def _spot(loader, path, key, node):
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        value = {}
        for key_node, value_node in node.value:
            name = loader.construct_object(key_node)
            if isinstance(name, (list, dict)):
                raise ProfileError(path, str(line), "a key must be a word or a number", "write key: value")
            full = f"{key}.{name}" if key else str(name)
            spot = _spot(loader, path, full, value_node)
            spot.line = key_node.start_mark.line + 1
            if name in value:
                raise spot.wrong("the key is given twice", f"first in line {value[name].line}; remove one")
            value[name] = spot
    elif isinstance(node, yaml.SequenceNode):
        value = [_spot(loader, path, f"{key}[{index}]", item) for index, item in enumerate(node.value)]
    else:
        try:
            value = loader.construct_object(node)
            if isinstance(value, bool) and node.value.lower() not in ("true", "false"):
                value = node.value  # off, on, yes and no are words here
        except ValueError as error:
            raise ProfileError(path, f"{line}: {key}", f"cannot be read: {error}", "write it between quotes") from None
    return Spot(path, key, line, value)
