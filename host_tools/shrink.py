# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The source texts of a board's bundle with less in them: the same program, in less memory.

All modules of a bundle are known together, so what a board would only carry can go before the compiler runs:
  - a whole number that is named once at the top of a module is written where it is used, in every module, and the
    entry of a constant table that is looked up by a constant key as well;
  - a column of a constant table is written as it is, and what the tables per chemistry say of others is left out;
  - functions, methods, tables and imports whose names no text of the bundle mentions any more are left out;
  - all names that the firmware does not say become short ones (host_tools/shrink_rename.py);
  - comprehensions become loops (host_tools/shrink_loops.py);
  - an assignment of two or three values is written as MicroPython makes no tuple for it.
What is read by name (getattr, __import__) stays. A constant that is bound twice,
and a name that a string mentions, is left alone.
"""

import ast

from host_tools.shrink_loops import loops
from host_tools.shrink_names import attributes_written, binds, local_names, mentioned, nodes
from host_tools.shrink_rename import rename

CHEMISTRIES = ("lfp", "nmc", "lmo")
KEPT = ("main",)  # what main.py calls
BIG = 1 << 30  # an object of its own on a board: one that has a name stays one
OPERATORS = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.LShift: lambda a, b: a << b,
    ast.BitOr: lambda a, b: a | b,
    ast.BitAnd: lambda a, b: a & b,
}
PURE = (ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Name, ast.UnaryOp, ast.BinOp, ast.Attribute, ast.Subscript)


def shrink(texts, kept=(), chemistries=()):
    """{module: shorter source text} of all modules of one bundle, from {module: source text}. kept: names that stay,
    because a text that is not in the bundle says them. chemistries: of the site, () = any."""
    trees = {module: ast.parse(text) for module, text in texts.items()}
    for tree in trees.values():
        drop_docstrings(tree)
        fill_in(tree)
        if chemistries:
            drop_others(tree, chemistries)
    tables = {}  # module: {name: number, or the dict of a constant table}
    written = {name for tree in trees.values() for name in attributes_written(tree)}
    for module, tree in trees.items():
        own_constants(module, tree, tables, trees)
    for names in tables.values():
        for name in written & set(names):
            del names[name]
    for module in list(tables):
        resolve(module, trees, tables)
    for module, tree in trees.items():
        Writer(module, trees, tables).visit(tree)
        Folder().visit(tree)
    drop_unused(trees)
    rename(trees, (*KEPT, *kept))
    for tree in trees.values():
        loops(tree)
        Bare().visit(tree)
    return {module: ast.unparse(ast.fix_missing_locations(tree)) + "\n" for module, tree in trees.items()}


def drop_docstrings(tree):
    """Leave out every statement that is a mere constant."""
    for node in nodes(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [each for each in body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))]
            node.body = kept or [ast.Pass()]


def fill_in(tree):
    """Write the columns of constant tables, `tuple([row[1] for row in TABLE])`, and their lengths as constants."""
    once, known = binds(tree), {}
    for node in tree.body:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        value = told_by(node.value, known)
        target = node.targets[0]
        names = [target] if isinstance(target, ast.Name) else list(getattr(target, "elts", ()))
        if (
            value is None
            or isinstance(value, list)
            or not all(isinstance(each, ast.Name) and once[each.id] == 1 for each in names)
        ):
            continue
        values = [value] if isinstance(target, ast.Name) else list(value)
        known.update(zip([each.id for each in names], values, strict=True))
        if isinstance(node.value, ast.Call) and type(value) in (tuple, bytes, int):
            node.value = ast.parse(repr(value), mode="eval").body


def told_by(node, known):
    """The value of an expression of constants, of names in known and of some functions without effect, else None."""
    allowed = {each.__name__: each for each in (tuple, bytes, len, range)}
    bound = {name for each in nodes(node) if isinstance(each, ast.ListComp) for name in local_names(each)}
    for each in nodes(node):
        if isinstance(each, ast.Name) and each.id not in known and each.id not in allowed and each.id not in bound:
            return None
        if isinstance(
            each, (ast.Attribute, ast.Lambda, ast.List, ast.Set, ast.Dict, ast.GeneratorExp, ast.JoinedStr, ast.keyword)
        ):
            return None
    code = compile(ast.fix_missing_locations(ast.Expression(node)), "constants", "eval")
    return eval(code, {"__builtins__": {}, **allowed, **known})  # constants of our own texts


def drop_others(tree, chemistries):
    """Leave what belongs to other chemistries out of the tables that have one row for each."""
    for node in tree.body:
        table = node.value if isinstance(node, ast.Assign) else None
        if not isinstance(table, ast.Dict):
            continue
        keys = [getattr(key, "value", None) for key in table.keys]
        if keys and set(keys) <= set(CHEMISTRIES):
            rows = [(key, row) for key, row in zip(keys, table.values, strict=True) if key in chemistries]
            table.keys, table.values = [ast.Constant(key) for key, _ in rows], [row for _, row in rows]


class Folder(ast.NodeTransformer):
    """Sums and products of numbers that were names before."""

    def visit_BinOp(self, node):
        """The number, when both sides are numbers now."""
        self.generic_visit(node)
        value = number_of(node, {})
        return node if value is None else ast.copy_location(ast.Constant(value), node)


class Bare(ast.NodeTransformer):
    """`a, b = c, d` in the text without brackets: the compiler of MicroPython makes no tuple for it then."""

    def visit_Assign(self, node):
        """The two or three values of an assignment to as many names as the text between two commas."""
        if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            if len(node.value.elts) in (2, 3):
                node.value = ast.Name(", ".join([ast.unparse(each) for each in node.value.elts]))
        return node


def number_of(node, names):
    """The whole number that node stands for, or None. names: {name: number}."""
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) is int else None
    if isinstance(node, ast.Name):
        value = names.get(node.id)
        return value if type(value) is int else None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = number_of(node.operand, names)
        return None if value is None else -value
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        left, right = number_of(node.left, names), number_of(node.right, names)
        if left is None or right is None or isinstance(node.op, (ast.FloorDiv, ast.Mod)) and not right:
            return None
        return OPERATORS[type(node.op)](left, right)
    return None


def own_constants(module, tree, tables, trees):
    """Put the constants of a module, and those it takes from modules seen already, into tables."""
    if module in tables:
        return
    names, sizes = tables.setdefault(module, {}), {}
    once = binds(tree)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module in trees:
            own_constants(node.module, trees[node.module], tables, trees)
            for alias in node.names:
                value = tables[node.module].get(alias.name)
                if value is not None and once[alias.asname or alias.name] == 1:
                    names[alias.asname or alias.name] = value
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            for name, value in assigned(node, names, sizes):
                if value is not None and once[name] == 1 and not (type(value) is int and abs(value) >= BIG):
                    names[name] = value


def assigned(node, names, sizes):
    """((name, number or table or None), ...) of one assignment; notes the lengths of tuples in sizes."""
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Name):
        if isinstance(value, ast.Tuple):
            sizes[target.id] = len(value.elts)
        return ((target.id, number_of(value, names) if not isinstance(value, ast.Dict) else table_of(value)),)
    found = unpacked(value, names, sizes)
    targets = [each.id for each in getattr(target, "elts", ()) if isinstance(each, ast.Name)]
    if not isinstance(target, ast.Tuple) or found is None or not len(found) == len(targets) == len(target.elts):
        return ()
    return tuple(zip(targets, found, strict=True))


def table_of(node):
    """{text: number} of a dict display of such, or None."""
    if not all(isinstance(key, ast.Constant) and type(key.value) is str for key in node.keys):
        return None
    values = [number_of(value, {}) for value in node.values]
    return None if None in values or not values else dict(zip([key.value for key in node.keys], values, strict=True))


def unpacked(node, names, sizes):
    """The numbers of `1, 2`, range(3) or range(len(TABLE)), or None."""
    if isinstance(node, ast.Tuple):
        return [number_of(each, names) for each in node.elts]
    if not isinstance(node, ast.Call) or ast.unparse(node.func) != "range" or len(node.args) != 1:
        return None
    most = number_of(node.args[0], names)
    if most is None and isinstance(node.args[0], ast.Call) and ast.unparse(node.args[0].func) == "len":
        most = sizes.get(ast.unparse(node.args[0].args[0]))
    return None if most is None else list(range(most))


def resolve(module, trees, tables):
    """Names of modules in this module: {alias: module}, kept in tables under (module, "modules")."""
    aliases = {}
    once = binds(trees[module])
    for node in nodes(trees[module]):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = "%s.%s" % (node.module, alias.name)
                if full in trees and once[alias.asname or alias.name] == 1:
                    aliases[alias.asname or alias.name] = full
    tables[module, "modules"] = aliases


class Writer(ast.NodeTransformer):
    """Writes constants where their names were read, in one module."""

    def __init__(self, module, trees, tables):
        self.names = tables[module]
        self.modules = tables[module, "modules"]
        self.tables = tables
        self.hidden = [set()]

    def _scope(self, node):
        self.hidden.append(self.hidden[-1] | local_names(node))
        self.generic_visit(node)
        self.hidden.pop()
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = _scope
    visit_ListComp = visit_GeneratorExp = visit_SetComp = visit_DictComp = _scope

    def value(self, node):
        """The number or table that node reads, or None."""
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in self.hidden[-1]:
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and isinstance(node.value, ast.Name):
            if node.value.id not in self.hidden[-1] and node.value.id in self.modules:
                return self.tables[self.modules[node.value.id]].get(node.attr)
        return None

    def visit_Name(self, node):
        """A name of a number becomes the number."""
        value = self.value(node)
        return ast.copy_location(ast.Constant(value), node) if type(value) is int else node

    def visit_Attribute(self, node):
        """The same for module.NAME."""
        value = self.value(node)
        if type(value) is int:
            return ast.copy_location(ast.Constant(value), node)
        return self.generic_visit(node)

    def visit_Subscript(self, node):
        """TABLE["name"] of a table of numbers becomes the number."""
        table = self.value(node.value)
        if isinstance(table, dict) and isinstance(node.slice, ast.Constant) and node.slice.value in table:
            return ast.copy_location(ast.Constant(table[node.slice.value]), node)
        return self.generic_visit(node)


def drop_unused(trees):
    """Leave out what no text mentions, until nothing more goes."""
    says = {module: mentioned(tree) for module, tree in trees.items()}
    gone = list(trees)
    while gone:
        attributes, of_modules, texts, taken = [set().union(*[each[i] for each in says.values()]) for i in range(4)]
        of_modules.update(KEPT)
        of_modules.update(each for each in texts | attributes if each != each.lower())
        gone = []
        for module, tree in trees.items():
            used = of_modules | says[module][4] | {name for source, name in taken if source == module}
            if prune(tree, used, used | attributes | texts):
                gone.append(module)
        says.update({module: mentioned(trees[module]) for module in gone})


def prune(node, used, members):
    """Leave out of the body of a module or class what is not in used, out of a class in it what is not in members;
    True when something went."""
    kept = [each for each in node.body if not unused(each, used)]
    gone = len(kept) < len(node.body)
    for each in kept:
        if isinstance(each, ast.ClassDef):
            gone = prune(each, members, members) or gone
        elif isinstance(each, ast.ImportFrom):
            names = [alias for alias in each.names if (alias.asname or alias.name) in used]
            gone = gone or len(names) < len(each.names)
            each.names = names
    node.body = kept or [ast.Pass()]
    return gone


def unused(node, used):
    """True when a statement only binds names that nobody needs."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return node.name not in used and not node.name.startswith("__")
    if isinstance(node, ast.ImportFrom):
        return all((alias.asname or alias.name) not in used for alias in node.names)
    if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not pure(node.value):
        return False
    names = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
    return all(isinstance(each, ast.Name) and each.id not in used for each in names)


def pure(node):
    """True when leaving out the expression changes nothing but memory."""
    if isinstance(node, ast.Call):
        known = isinstance(node.func, ast.Name) and node.func.id in ("tuple", "len", "range", "sum", "namedtuple")
        return known and all(pure(each) for each in node.args)
    if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
        return True
    if not isinstance(node, PURE):
        return False
    return all(pure(each) for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr))
