# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Which names a source text binds, hides and mentions; for shrink and shrink_rename."""

import ast
import re
from collections import Counter

WORDS = re.compile(r"\w+( \w+)*")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def nodes(tree):
    """List of all nodes of a tree, but for the marks of reading and writing: ast.walk, in half the time."""
    found = [tree]
    for node in found:  # it grows while it is read
        for field in node._fields:
            value = getattr(node, field, None) if field != "ctx" else None
            if isinstance(value, list):
                found += [each for each in value if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST):
                found.append(value)
    return found


def binds(tree):
    """Counter of how often a name is bound at the top of the module, or as a global from inside a function."""
    found = Counter()
    for node in tree.body:
        found.update(bound_by(node))
    for node in nodes(tree):
        if isinstance(node, ast.Global):
            found.update(dict.fromkeys(node.names, 2))
    return found


def bound_by(node):
    """Names that a statement binds in its own scope, with those of the statements inside it."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
    if isinstance(node, ast.Name):
        return [node.id] if isinstance(node.ctx, (ast.Store, ast.Del)) else []
    if isinstance(node, (ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)):
        return []
    found = [node.name] if isinstance(node, ast.ExceptHandler) and node.name else []
    for child in ast.iter_child_nodes(node):
        found += bound_by(child)
    return found


def local_names(node):
    """Set of the names that are local to a function, a class or a comprehension."""
    if isinstance(node, FUNCTIONS):
        args = node.args
        found = {
            each.arg for each in [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg] if each
        }
        for each in node.body if isinstance(node.body, list) else ():
            found.update(bound_by(each))
        return found
    if isinstance(node, ast.ClassDef):
        return {name for each in node.body for name in bound_by(each)}
    return {name for each in node.generators for name in bound_by(each.target)}


def mentioned(tree):
    """(all names read as attributes, those of them read from what may be a module, words of all short strings, set of
    (module, name) of all imports, plain names that are read)."""
    attributes, of_modules, texts, taken, read = set(), set(), set(), set(), set()
    modules = module_names(tree)
    for node in nodes(tree):
        if isinstance(node, ast.Attribute):
            attributes.add(node.attr)
            if modules is None or not isinstance(node.value, ast.Name) or node.value.id in modules:
                of_modules.add(node.attr)
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                read.add(node.id)
        elif isinstance(node, ast.ImportFrom):
            taken.update((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and WORDS.fullmatch(node.value):
            texts.update(node.value.split())
    return attributes, of_modules, texts, taken, read


def module_names(tree):
    """Names under which a text may hold modules; None = any, because it imports by __import__."""
    found = set()
    for node in nodes(tree):
        if isinstance(node, ast.Name) and node.id == "__import__":
            return None
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.update(bound_by(node))
    return found


def attributes_written(tree):
    """Names that a text assigns to or deletes as attributes."""
    return {node.attr for node in nodes(tree) if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)}
