"""The shape of the package: sizes of modules, classes and functions; imports; names."""

import ast
import collections
from pathlib import Path

import pytest

import tfbo

ROOT = Path(tfbo.__file__).parent
# KerasTuner's names for what the core has under the same ones; tfbo.keras offers both sets.
KERASTUNER = {"Boolean", "Choice", "Float", "Hyperband", "Int", "Trial"}


def module(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path): path for path in sorted(ROOT.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def nodes(*kinds):
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, kinds):
                yield name, node


def imported(tree):
    """Modules of tfbo that a tree imports, wherever and for whatever: types, too, and in functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


def circle(graph):
    """Nodes of a graph that are on a circle, or on a way between two; none where there is no circle."""
    graph = {node: set(after) for node, after in graph.items()}
    while ends := {node for node, after in graph.items() if not after & graph.keys()}:
        graph = {node: after for node, after in graph.items() if node not in ends}
    while starts := graph.keys() - set().union(*graph.values()):
        graph = {node: after for node, after in graph.items() if node not in starts}
    return sorted(graph)


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == ["b", "c"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_the_top_has_few_modules():
    assert len(list(ROOT.glob("*.py"))) <= 14


def test_no_file_is_long():
    lengths = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert not {name: length for name, length in lengths.items() if length > 400}


def test_no_class_is_long():
    lengths = {
        (name, node.name): node.end_lineno - node.lineno + 1 for name, node in nodes(ast.ClassDef)
    }
    assert not {name: length for name, length in lengths.items() if length > 250}


def test_no_function_is_long():
    long = {}
    for name, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        # Without the arguments and the docstring, which may say much of little code.
        first = node.body[1:2] if ast.get_docstring(node) is not None else node.body[:1]
        length = node.end_lineno - first[0].lineno + 1 if first else 0
        if length > 50:
            long[name, node.name] = length
    assert not long


def test_modules_import_in_no_circle():
    # The package itself imports what is public; nothing may import that but what is above it.
    graph = {name: set(imported(tree)) - {name} for name, tree in TREES.items()}
    assert circle(graph) == []


def test_a_class_has_a_name_of_its_own():
    places = collections.defaultdict(set)
    for name, node in nodes(ast.ClassDef):
        kerastuner = node.name in KERASTUNER and name.startswith("tfbo.keras.")
        places[f"keras.{node.name}" if kerastuner else node.name].add(name)
    assert not {name: where for name, where in places.items() if len(where) > 1}


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in ROOT.glob("*/__init__.py")))
def test_a_folder_says_what_it_is(folder):
    assert ast.get_docstring(TREES[f"tfbo.{folder}"])
