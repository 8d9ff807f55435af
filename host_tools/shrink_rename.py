# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Short names for the texts of a board's bundle; for shrink.

A board keeps each name once as text, and a place for it in a table that doubles when it is full. Renamed is what the
texts themselves bind: functions, classes, arguments and attributes. Two names may become the same short one when no
module mentions both and no object can have both. A name stays when a string or a call by name mentions it, when it is
a module's, and when it may belong to an object that is not ours (host_tools/shrink_foreign.py). REUSE_EDGE_PLAIN=1
(host_tools/bundle.py) builds with all names, for a traceback that tells them.
"""

import ast
import keyword
from itertools import count

from host_tools.shrink_foreign import FOREIGN
from host_tools.shrink_names import WORDS, nodes

LETTERS = "abcdefghijklmnopqrstuvwxyz"
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def rename(trees, kept=()):
    """Give the names of all trees ({module: tree}) short ones, in place; returns {name: short name}.
    kept: names that stay."""
    groups = inheriting(trees)
    seen = Names(kept)
    ours = {module.split(".")[0] for module in trees}
    for module, tree in trees.items():
        seen.kept.update(module.split("."))
        forwards = False
        for node in nodes(tree):
            if isinstance(node, ast.Call) and fields_of(node):
                hide(node)
        for node in nodes(tree):
            seen.take(node, groups[module])
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                seen.kept.update(outside(node, ours))
            forwards = forwards or isinstance(node, ast.FunctionDef) and node.name == "__getattr__"
        if forwards:
            seen.lone.update(name for node in nodes(tree) for name in names_of(node))
    short, fields = seen.coloured(), []
    for tree in trees.values():
        for node in nodes(tree):
            rewrite(node, short)
            if isinstance(node, ast.Call) and fields_of(node):
                fields.append(node)
    for node in fields:
        show(node)
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
    """What all texts say about names. where: {name: groups that mention it}. kept: those that have to stay. bound:
    those that some text binds. lone: those that must be the only ones of their short name, because an object of
    another group may get them too."""

    def __init__(self, kept):
        self.where = {}
        self.kept = {"_", "self", *FOREIGN, *kept}
        self.bound = set()
        self.lone = set()

    def take(self, node, group):
        """Note the names of one node of a text of that group."""
        names = names_of(node)
        for name in names:
            self.where.setdefault(name, set()).add(group)
        stored = isinstance(getattr(node, "ctx", None), ast.Store)
        if stored or isinstance(node, (ast.arg, *DEFINITIONS)):
            self.bound.update(names)
        if isinstance(node, ast.Attribute) and stored and not self_is(node.value):
            self.lone.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and WORDS.fullmatch(node.value):
            self.kept.update(node.value.split())
        elif isinstance(node, ast.keyword) and node.arg:
            self.kept.add(node.arg)

    def coloured(self):
        """{name: short name}: the first one that is free in all groups that mention the name."""
        names = {name for name in self.bound - self.kept if not name.startswith("__")}
        taken = {group: set() for groups in self.where.values() for group in groups}
        short, used = {}, {*self.where, *self.kept, *keyword.kwlist}
        for name in sorted(names, key=lambda each: (each not in self.lone, -len(self.where[each]), each)):
            groups = taken if name in self.lone else self.where[name]
            free = next(each for each in short_names(used) if not any(each in taken[group] for group in groups))
            short[name] = free
            for group in groups:
                taken[group].add(free)
        return short


def fields_of(call):
    """The node with the names of the fields when a call makes a class of named tuples, or None."""
    made = isinstance(call.func, ast.Name) and call.func.id == "namedtuple" and len(call.args) == 2
    return call.args[1] if made and isinstance(call.args[1], (ast.Tuple, ast.List)) else None


def hide(call):
    """Make the texts of a call of namedtuple names, so that they are renamed and keep no name."""
    call.args[0] = ast.Constant("t")
    call.args[1].elts = [ast.Name(each.value, ast.Store()) for each in fields_of(call).elts]


def show(call):
    """Make them texts again."""
    call.args[1] = ast.List([ast.Constant(each.id) for each in fields_of(call).elts])  # a tuple would be kept


def self_is(node):
    """True for the object of the method itself."""
    return isinstance(node, ast.Name) and node.id == "self"


def outside(node, ours):
    """The names that an import binds from modules that are not below those of ours."""
    module = getattr(node, "module", None) or node.names[0].name
    return () if module.split(".")[0] in ours else [alias.asname or alias.name for alias in node.names]


def short_names(used):
    """a, b ... z, aa, ab ... without those in used; a generator without end."""
    for number in count():
        name = ""
        while number >= 0:
            name = LETTERS[number % 26] + name
            number = number // 26 - 1
        if name not in used:
            yield name


def names_of(node):
    """The names that the node mentions."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.arg):
        return (node.arg,)
    if isinstance(node, ast.Attribute):
        return (node.attr,)
    if isinstance(node, DEFINITIONS):
        return (node.name,)
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {each for alias in node.names for each in (alias.name, alias.asname) if each}
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        return node.names
    if isinstance(node, ast.ExceptHandler) and node.name:
        return (node.name,)
    return ()


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
