# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""List and dict comprehensions of functions, written as the loops that they are.

Under MicroPython each comprehension is a function of its own: 48 bytes of a 32-bit heap while its module is loaded, and
a closure each time it runs. `x = [f(a) for a in b if c]` becomes

    _0 = []
    for _1 in b:
        if c: _0.append(f(_1))
    x = _0

One is left as it is where something that is evaluated before it in its statement may have an effect, where it may not
be evaluated at all (`a and [...]`), with a lambda in it, in generators and coroutines (they would keep what `_0` holds),
and outside of functions.
"""

import ast

from host_tools.shrink_names import nodes

COMPREHENSIONS = (ast.ListComp, ast.DictComp)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
STOP = object()  # evaluated by now: what may have an effect


def loops(tree):
    """Write the comprehensions of every plain function of a module as loops."""
    for node in nodes(tree):
        if isinstance(node, ast.FunctionDef) and not is_generator(node):
            node.body = statements(node.body, 0)


def is_generator(function):
    """True when a function, or one in it, yields."""
    return any(isinstance(each, (ast.Yield, ast.YieldFrom, ast.Await)) for each in nodes(function))


def statements(body, count):
    """The statements of body with loops before them. count: number of the first free name."""
    made = []
    for statement in body:
        made += before(statement, count)
        if not isinstance(statement, SCOPES):
            for part in ("body", "orelse", "finalbody"):
                if getattr(statement, part, None):
                    setattr(statement, part, statements(getattr(statement, part), count))
            for handler in getattr(statement, "handlers", ()):
                handler.body = statements(handler.body, count)
        made.append(statement)
    return made


def before(statement, count):
    """The loops of the comprehensions of a statement, which names their results instead."""
    part = {ast.If: "test", ast.For: "iter"}.get(type(statement), "value")
    simple = isinstance(statement, (ast.Assign, ast.Return, ast.Expr, ast.If, ast.For))
    made = []
    while simple and getattr(statement, part) is not None:
        found = first(getattr(statement, part))
        if found is None or found is STOP or not is_plain(found):
            break
        result = "_%d" % count
        count += 1 + len(bound(found))
        made += statements(loop(found, result, count - len(bound(found))), count)
        setattr(statement, part, Named(found, result).visit(getattr(statement, part)))
    return made


class Named(ast.NodeTransformer):
    """A name in the place of one node."""

    def __init__(self, old, name):
        self.old = old
        self.name = name

    def visit(self, node):
        """See ast.NodeTransformer."""
        return ast.Name(self.name, ast.Load()) if node is self.old else self.generic_visit(node)


def first(node):
    """The comprehension in an expression before which nothing with an effect is evaluated, STOP when there is something
    else first, None when there is neither."""
    if isinstance(node, COMPREHENSIONS):
        return node
    if isinstance(node, (ast.Name, ast.Constant)):
        return None
    if isinstance(node, ast.BoolOp):
        return first(node.values[0]) or STOP
    if isinstance(node, ast.IfExp):
        return first(node.test) or STOP
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return among([node.left, *node.comparators])
    if isinstance(node, ast.Call):
        inside = node.func.value if isinstance(node.func, ast.Attribute) else node.func
        return among([inside, *node.args, *[each.value for each in node.keywords]]) or STOP
    if isinstance(
        node, (ast.BinOp, ast.UnaryOp, ast.Tuple, ast.List, ast.Dict, ast.Subscript, ast.Attribute, ast.Starred)
    ):
        return among([each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)])
    return STOP


def among(parts):
    """The same of expressions that are evaluated one after the other. What they read must not change before the loop
    reads it: a comprehension that calls something stays behind an attribute or an item."""
    read = False
    for part in parts:
        found = first(part)
        if isinstance(found, COMPREHENSIONS):
            calls = any(isinstance(each, ast.Call) for each in nodes(found))
            return STOP if read and calls else found
        if found is STOP:
            return STOP
        read = read or any(isinstance(each, (ast.Attribute, ast.Subscript)) for each in nodes(part))
    return None


def bound(comprehension):
    """Names that a comprehension binds."""
    targets = [each.target for each in comprehension.generators]
    return sorted({each.id for target in targets for each in nodes(target) if isinstance(each, ast.Name)})


def is_plain(comprehension):
    """True when its names can be others: nothing in it binds one of them again, or keeps one."""
    inside = [each for each in nodes(comprehension) if each is not comprehension]
    if any(isinstance(each, (ast.Lambda, ast.GeneratorExp, ast.SetComp, ast.NamedExpr)) for each in inside):
        return False
    own = set(bound(comprehension))
    return not any(own & set(bound(each)) for each in inside if isinstance(each, COMPREHENSIONS))


def loop(comprehension, result, count):
    """The statements that make what a comprehension makes, in the name result; its own names from number count on."""
    names = {name: "_%d" % (count + number) for number, name in enumerate(bound(comprehension))}
    outer = set(nodes(comprehension.generators[0].iter))  # evaluated outside: there they mean others
    for each in nodes(comprehension):
        if isinstance(each, ast.Name) and each not in outer:
            each.id = names.get(each.id, each.id)
    there = ast.Name(result, ast.Load())
    if isinstance(comprehension, ast.DictComp):
        empty: ast.expr = ast.Dict([], [])
        inner: ast.stmt = ast.Assign(
            [ast.Subscript(there, comprehension.key, ast.Store())], comprehension.value, lineno=0
        )
    else:
        empty = ast.List([], ast.Load())
        inner = ast.Expr(ast.Call(ast.Attribute(there, "append", ast.Load()), [comprehension.elt], []))
    for generator in reversed(comprehension.generators):
        for test in reversed(generator.ifs):
            inner = ast.If(test, [inner], [])
        inner = ast.For(generator.target, generator.iter, [inner], [], lineno=0)
    return [ast.Assign([ast.Name(result, ast.Store())], empty, lineno=0), inner]
