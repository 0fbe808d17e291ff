"""Data flows one way: no two packages import each other, inside functions or at the top."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import ssgan

ROOT = Path(ssgan.__file__).parent

#: Alternate constructors, of the package and of Lightning's module, which read what others made.
CONSTRUCTORS = {("ssgan", "inference"), ("ssgan", "composition"), ("module", "inference")}


def package(module: str) -> str:
    """``callbacks`` of ``ssgan.callbacks.progress``, ``run`` of ``ssgan.run``."""
    return [*module.split("."), "ssgan"][1] if module != "ssgan" else "ssgan"


def imports(tree: ast.AST) -> Iterator[str]:
    """What a file imports of ssgan, but for types alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ssgan"):
            yield from ([node.module] if node.module != "ssgan" else [f"ssgan.{name.name}" for name in node.names])
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("ssgan."))
        yield from imports(node)


def edges() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for file in ROOT.rglob("*.py"):
        parts = file.relative_to(ROOT.parent).with_suffix("").parts
        own = package(".".join(part for part in parts if part != "__init__"))
        for module in imports(ast.parse(file.read_text(encoding="utf-8"))):
            other = package(module)
            if other != own and (own, other) not in CONSTRUCTORS:
                found[own].add(other)
    return found


def reached(start: str, found: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        for other in found.get(todo.pop(), set()) - seen:
            seen.add(other)
            todo.append(other)
    return seen


def test_no_package_is_reached_from_itself() -> None:
    found = edges()
    assert {"losses", "tricks"} <= reached("train", found), "the walk sees imports at the top and inside functions"
    assert [name for name in found if name in reached(name, found)] == []


def test_what_is_computed_knows_nothing_of_what_shows_it() -> None:
    found = edges()
    above = {"run", "train", "callbacks", "reporting", "inference", "sweeping", "scoring", "commands", "loggers"}
    for name in ("losses", "layers", "networks", "tricks", "objectives", "steps", "data"):
        assert not reached(name, found) & above, name
