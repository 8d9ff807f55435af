# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""All mutants of a module compiled once, each behind a switch (mutant schemata: Untch, Offutt, Harrold, ISSTA 1993).

Every place that can be wrong becomes `mutant if _m(number) else original`; _m is the switch. Which number is on is
decided at run time, so a run costs a fork and not a compilation.
"""

import ast
import copy
from collections import namedtuple

# number: of the switch. place: dotted name of the function, "" for the module's own level. was, now: source text.
# nth: how many mutants with the same place, was and now came before it, so that a name survives moved lines.
Mutant = namedtuple("Mutant", ("number", "file", "line", "place", "was", "now", "nth"))

COMPARE = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
SWAPPED_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


def name(mutant):
    """The name of a mutant in the list of equivalents; it holds no line number."""
    return "%s:%s:%s -> %s #%d" % (mutant.file, mutant.place, mutant.was, mutant.now, mutant.nth)


class Schemata(ast.NodeTransformer):
    """Collects mutants while it rewrites a tree. first: number of the first mutant."""

    def __init__(self, file, first):
        self.file = file
        self.mutants = []
        self._next = first
        self._path = []
        self._seen = {}

    def _switch(self, node, was, now):
        place = ".".join(self._path)
        key = (place, was, now)
        nth = self._seen.get(key, 0)
        self._seen[key] = nth + 1
        number = self._next
        self._next += 1
        self.mutants.append(Mutant(number, self.file, node.lineno, place, was, now, nth))
        return ast.Call(ast.Name("_m", ast.Load()), [ast.Constant(number)], [])

    def _choose(self, original, alternatives):
        """original with its children rewritten, behind one switch for each of the alternatives."""
        was = ast.unparse(original)
        switches = [(self._switch(original, was, ast.unparse(other)), other) for other in alternatives]
        made = self.generic_visit(original)
        for switch, other in reversed(switches):
            made = ast.IfExp(switch, other, made)
        return made

    # ---- places ------------------------------------------------------------------------------------

    def visit_FunctionDef(self, node):
        """The body belongs to the function; defaults and decorators to the level around it."""
        path, self._path = self._path, []
        node.args = self.visit(node.args)
        self._path = path
        self._path.append(node.name)
        node.body = self._body(node.body)
        self._path.pop()
        return node

    def visit_ClassDef(self, node):
        """The path of a method names its class; the class's own values count as the module's."""
        for index, item in enumerate(node.body):
            if isinstance(item, ast.FunctionDef):
                self._path.append(node.name)
                node.body[index] = self.visit(item)
                self._path.pop()
        return node

    def _body(self, body):
        made = []
        for item in body:
            got = self.visit(item)
            made.extend(got if isinstance(got, list) else [got])
        return made

    # ---- expressions ---------------------------------------------------------------------------------

    def visit_Compare(self, node):
        """Each operator becomes its neighbour and its opposite."""
        others = []
        for index, op in enumerate(node.ops):
            for kind in COMPARE[type(op)]:
                other = copy.deepcopy(node)
                other.ops[index] = kind()
                others.append(other)
        return self._choose(node, others)

    def visit_BinOp(self, node):
        """One operator for another; text formatting is left alone."""
        if isinstance(node.left, (ast.Constant, ast.JoinedStr)) and isinstance(node.op, ast.Mod):
            return node
        other = copy.deepcopy(node)
        other.op = ARITHMETIC[type(node.op)]()
        return self._choose(node, [other])

    def visit_BoolOp(self, node):
        """and for or, or for and."""
        other = copy.deepcopy(node)
        other.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return self._choose(node, [other])

    def visit_UnaryOp(self, node):
        """The operator is dropped."""
        return self._choose(node, [copy.deepcopy(node.operand)])

    def visit_IfExp(self, node):
        """The two results change places."""
        other = copy.deepcopy(node)
        other.body, other.orelse = other.orelse, other.body
        return self._choose(node, [other])

    def visit_Constant(self, node):
        """Whole numbers one up and one down, True for False; texts and None stay."""
        if isinstance(node.value, bool):
            return self._choose(node, [ast.Constant(not node.value)])
        if isinstance(node.value, int):
            return self._choose(node, [ast.Constant(node.value + 1), ast.Constant(node.value - 1)])
        return node

    def visit_Call(self, node):
        """min for max, any for all."""
        if isinstance(node.func, ast.Name) and node.func.id in SWAPPED_CALLS:
            other = copy.deepcopy(node)
            other.func.id = SWAPPED_CALLS[node.func.id]
            return self._choose(node, [other])
        return self.generic_visit(node)

    # ---- statements ----------------------------------------------------------------------------------

    def _maybe(self, node, switch_node):
        """The statement, or nothing."""
        was = ast.unparse(switch_node).splitlines()[0]
        switch = self._switch(switch_node, was, "(nothing)")
        return ast.If(switch, [ast.Pass()], [node])

    def visit_Expr(self, node):
        """A call for its effect is left out; docstrings stay."""
        if isinstance(node.value, ast.Constant):
            return node
        before = copy.deepcopy(node)
        return self._maybe(self.generic_visit(node), before)

    def visit_Assign(self, node):
        """An assignment to a field or an element is left out; to a name only its value is mutated."""
        before = copy.deepcopy(node)
        made = self.generic_visit(node)
        stored = node.targets[0]
        return self._maybe(made, before) if isinstance(stored, (ast.Attribute, ast.Subscript)) else made

    def visit_AugAssign(self, node):
        """Left out, or with another operator."""
        before = copy.deepcopy(node)
        other = copy.deepcopy(node)
        other.op = ARITHMETIC[type(node.op)]()
        switch = self._switch(before, ast.unparse(before), ast.unparse(other))
        made = self.generic_visit(node)
        return self._maybe(ast.If(switch, [other], [made]), before)

    def visit_Raise(self, node):
        """Not raised."""
        return self._maybe(node, copy.deepcopy(node))

    def visit_Continue(self, node):
        """Left out."""
        return self._maybe(node, copy.deepcopy(node))

    def visit_Break(self, node):
        """Left out."""
        return self._maybe(node, copy.deepcopy(node))

    def _conditional(self, node):
        """A bare condition is negated; comparisons and operators have mutants of their own."""
        if isinstance(node.test, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)):
            test = copy.deepcopy(node.test)
            switch = self._switch(test, ast.unparse(test), "not " + ast.unparse(test))
            node.test = ast.IfExp(switch, ast.UnaryOp(ast.Not(), test), self.visit(node.test))
        else:
            node.test = self.visit(node.test)
        node.body = self._body(node.body)
        node.orelse = self._body(node.orelse)
        return node

    visit_If = _conditional
    visit_While = _conditional

    def visit_JoinedStr(self, node):
        """Texts are for people."""
        return node

    def visit_arg(self, node):
        """An annotation is not run."""
        return node


def rewrite(file, text, first):
    """(code, mutants) of source text: every mutant from number first on behind its switch."""
    tree = ast.parse(text)
    made = Schemata(file, first)
    tree = ast.fix_missing_locations(made.visit(tree))
    return compile(tree, file, "exec"), made.mutants
