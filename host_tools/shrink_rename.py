# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Short private names for the texts of a board's bundle; for shrink.

A board keeps each name once as text, and a place for it in a table that doubles when it is full. Renamed are private
names (one leading underscore), and names that no text reads as an attribute or imports: arguments, and what is known
to one module alone. Names that no module mentions together may become the same short one. Public functions, classes
and attributes keep their names, so a traceback still says where it was; so does what a string mentions, what a call
passes by name and what nobody here binds.
"""

import ast
import builtins
import re
from itertools import count

from host_tools.shrink_names import nodes

WORD = re.compile(r"\w+")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def rename(trees):
    """Give the private names of all trees ({module: tree}) short ones, in place; returns {name: short name}."""
    groups = inheriting(trees)
    seen = Names()
    for module, tree in trees.items():
        seen.kept.update(module.split("."))
        for node in nodes(tree):
            seen.take(node, groups[module])
    short = seen.coloured()
    for tree in trees.values():
        for node in nodes(tree):
            rewrite(node, short)
    return short


def inheriting(trees):
    """{module: name of its group}: modules whose classes may share an object are one group."""
    groups = {module: module for module in trees}
    homes = {
        node.name: module for module, tree in trees.items() for node in tree.body if isinstance(node, ast.ClassDef)
    }
    for module, tree in trees.items():
        for node in nodes(tree):
            for base in node.bases if isinstance(node, ast.ClassDef) else ():
                home = homes.get(ast.unparse(base).rpartition(".")[2], module)
                old, new = groups[home], groups[module]
                groups.update({each: new for each in groups if groups[each] == old})
    return groups


class Names:
    """What all texts say about names. where: {name: groups that mention it}. kept: those that have to stay. public:
    those that others may know. bound: those that some text binds. lone: private ones read from another object than
    self, which must be the only ones of their short name."""

    def __init__(self):
        self.where = {}
        self.kept = {"_", "self", *dir(builtins)}
        self.public = set()
        self.bound = set()
        self.lone = set()

    def take(self, node, group):
        """Note the names of one node of a text of that group."""
        names, public = names_of(node)
        for name in names:
            self.where.setdefault(name, set()).add(group)
        if public:
            self.public.update(names)
        if isinstance(node, (ast.arg, *DEFINITIONS)) or isinstance(getattr(node, "ctx", None), ast.Store):
            self.bound.update(names)
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            self.lone.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.kept.update(WORD.findall(node.value))
        elif isinstance(node, ast.keyword) and node.arg:
            self.kept.add(node.arg)

    def coloured(self):
        """{name: short name}: the first one that is free in all groups that mention the name."""
        private = {name for name in self.bound if name.startswith("_") and not name.startswith("__")}
        names = (private | self.bound - self.public) - self.kept
        taken = {group: set() for groups in self.where.values() for group in groups}
        short = {}
        for name in sorted(names, key=lambda each: (each not in self.lone, -len(self.where[each]), each)):
            groups = taken if name in self.lone else self.where[name]
            free = next(each for each in short_names(self.where) if not any(each in taken[group] for group in groups))
            short[name] = free
            for group in groups:
                taken[group].add(free)
        return short


def short_names(used):
    """_a, _b ... _z, _aa ... without those in used; a generator without end."""
    for number in count():
        name = ""
        while number >= 0:
            name = LETTERS[number % 26] + name
            number = number // 26 - 1
        if "_" + name not in used:
            yield "_" + name


def names_of(node):
    """(names that the node mentions, True when others than the functions around it may know them)."""
    if isinstance(node, ast.Name):
        return (node.id,), False
    if isinstance(node, ast.arg):
        return (node.arg,), False
    if isinstance(node, ast.Attribute):
        return (node.attr,), True
    if isinstance(node, DEFINITIONS):
        return (node.name,), True
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {each for alias in node.names for each in (alias.name, alias.asname) if each}, True
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        return node.names, False
    if isinstance(node, ast.ExceptHandler) and node.name:
        return (node.name,), False
    return (), False


def rewrite(node, short):
    """Write the short names into one node."""
    for field in ("id", "arg", "attr", "name"):
        old = getattr(node, field, None)
        if old in short and not isinstance(node, ast.keyword):
            setattr(node, field, short[old])
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        node.names = [short.get(each, each) for each in node.names]
    elif isinstance(node, ast.alias) and node.asname in short:
        node.asname = short[node.asname]
