"""The shape of the tree, so that it stays what the README shows."""

import ast
from pathlib import Path

import pytest

from vidrank_assets.catalog import ENCODERS, FAMILIES, FUSIONS

TESTS = Path(__file__).parent
PACKAGE = TESTS.with_name("vidrank_assets")
MODULES = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")}
INITS = {module for module in MODULES if module.name == "__init__.py"}
PLUGINS = {  # covered by the contract tests of their kind, in test_base.py
    Path(*entry.target.split(":")[0].split(".")[1:]).with_suffix(".py")
    for catalog in (ENCODERS, FUSIONS, FAMILIES)
    for entry in catalog.entries.values()
}


@pytest.mark.parametrize("module", sorted(MODULES - INITS - PLUGINS), ids=str)
def test_every_module_has_its_test_at_the_same_place(module):
    assert (TESTS / module.with_name(f"test_{module.name}")).is_file()


@pytest.mark.parametrize("module", sorted(INITS), ids=str)
def test_every_init_is_empty(module):
    """Names come from the file that defines them, which keeps the import graph free of cycles."""
    assert not (PACKAGE / module).read_text().strip()


@pytest.mark.parametrize("module", sorted(MODULES), ids=str)
def test_no_file_passes_300_lines_and_no_function_50(module):
    text = (PACKAGE / module).read_text()
    assert text.count("\n") <= 300
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= 50] == []


def test_assets_are_declared_without_postponed_annotations():
    """Dagster reads the annotations of assets and of configuration when they are declared."""
    for module in (PACKAGE / "assets").glob("*.py"):
        assert "from __future__ import annotations" not in module.read_text(), module
