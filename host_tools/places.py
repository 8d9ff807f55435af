# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""YAML with places: every node knows its file, line and dotted path, so that errors can say where."""

import os

import yaml


class SiteError(Exception):
    """site.yaml is wrong: one message with place, what is wrong and what to do."""

    exit_code = 2

    def __init__(self, file, line, place, problem, mend, note=None):
        where = "%s:%d" % (file, line) if line else file
        text = ": ".join(part for part in (where, place, problem) if part)
        lines = [text, *(["  " + note] if note else []), "  → " + mend]
        super().__init__("\n".join(lines))
        self.line = line
        self.place = place
        self.problem = problem
        self.mend = mend


class Spot:
    """One YAML node together with the place it stands at (file, line, dotted path)."""

    def __init__(self, file, node, place):
        self.file = file
        self.node = node
        self.place = place
        self.line = node.start_mark.line + 1

    def wrong(self, problem, mend, note=None):
        """The SiteError for this place (to be raised by the caller)."""
        return SiteError(self.file, self.line, self.place, problem, mend, note)

    def entries(self):
        """{key: Spot} of a mapping, in file order; a key given twice is refused."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong("needs `key: value` lines", "indent the keys that belong to it below it")
        found = {}
        for key_node, value in self.node.value:
            key = str(key_node.value)
            spot = Spot(self.file, value, self.place + "." + key if self.place else key)
            spot.line = key_node.start_mark.line + 1
            if key in found:
                raise spot.wrong("is given twice, first in line %d" % found[key].line, "keep one of them")
            found[key] = spot
        return found

    def items(self):
        """[Spot] of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong("needs a list", "start each entry with `- `")
        return [Spot(self.file, node, "%s[%d]" % (self.place, i)) for i, node in enumerate(self.node.value)]

    def text(self):
        """The scalar exactly as written, or None for an empty or null one."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.wrong("needs one value", "write it on the same line")
        return None if self.node.tag == "tag:yaml.org,2002:null" else self.node.value


def parse(path, wanted="give the path of a site.yaml", start="start from examples/site.yaml"):
    """The Spot of the whole file. Raises SiteError for a missing or unreadable file or a YAML typo.

    wanted, start: what to do where there is no file, and where it is empty.
    """
    name = os.path.basename(path)
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except OSError as error:
        raise SiteError(path, None, "", (error.strerror or str(error)).lower(), wanted) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SiteError(name, line, "", "is not UTF-8 text", "save it as UTF-8") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise typo(name, text, error) from None
    except yaml.YAMLError as error:
        raise SiteError(name, None, "", "not valid YAML: %s" % str(error).splitlines()[0], "remove it") from None
    if node is None:
        raise SiteError(name, None, "", "is empty", start)
    return Spot(name, node, "")


def typo(name, text, error):
    """The SiteError for a YAML typo: the line, and what is most often behind it."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    rows = text.splitlines()
    row = rows[line - 1] if line <= len(rows) else ""
    mend = "look at this line and the one above: a missing `:`, quote or bracket, or a different indent"
    if "\t" in row[: len(row) - len(row.lstrip())]:
        mend = "indent with spaces, not tabs"
    elif "mapping values" in str(error.problem):
        mend = "a value with `: ` in it needs quotes, or this line is indented too far"
    return SiteError(name, line, "", "not valid YAML: %s" % error.problem, mend)
