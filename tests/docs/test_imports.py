"""Which folder imports which, and that nothing in app/ imports in a circle. Sources are parsed, not run."""

import ast
from pathlib import Path

import pytest
from documents import ROOT

LAZY = ("app/detect.py", "tools")  # downloads and converts the default model on the first run
MAY_IMPORT = {"app": {"app"}, "models": {"models"}, "nanoyolo": {"app", "nanoyolo"}}
FILES_IN_APP = 30


def imported(tree, modules, module):
    """The names among `modules` that a syntax tree imports. module: its own name, for relative imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*module.split(".")[: -node.level], *filter(None, [node.module])])
            # A name is a submodule, or something in the package itself.
            found |= {f"{base}.{a.name}" if f"{base}.{a.name}" in modules else base for a in node.names}
    return found


def when_loaded(tree):
    """A syntax tree without what only runs when it is called."""

    class Drop(ast.NodeTransformer):
        def visit_FunctionDef(self, node):
            return None

        visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    return Drop().visit(tree)


def sources(folder):
    """Module name -> path of its file."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    names = (path.relative_to(ROOT).with_suffix("").parts for path in paths)
    return dict(zip((".".join(parts[:-1] if parts[-1] == "__init__" else parts) for parts in names), paths))


def circle(graph):
    """A list of names that lead back to the first, or None."""
    done = set()

    def walk(name, trail):
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return None
        found = next(filter(None, (walk(other, [*trail, name]) for other in sorted(graph.get(name, ())))), None)
        done.add(name)
        return found

    return next(filter(None, (walk(name, []) for name in sorted(graph))), None)


@pytest.mark.parametrize("folder", sorted(MAY_IMPORT))
def test_arrows_between_folders(folder):
    own = {"app", "models", "tools", "nanoyolo", "tests", "examples"}
    modules = {name for other in own for name in sources(other)}
    wrong = []
    for name, path in sources(folder).items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for other in sorted(imported(tree, modules, name)):
            top = other.partition(".")[0]
            if top in own - MAY_IMPORT[folder] and (str(path.relative_to(ROOT)), top) != LAZY:
                wrong.append(f"{name} imports {other}")
    assert wrong == []


def test_the_one_exception_is_lazy():
    path = ROOT / LAZY[0]
    modules = {*sources("app"), *sources("tools")}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert any(name.startswith(LAZY[1]) for name in imported(tree, modules, "app.detect"))
    assert not any(name.startswith(LAZY[1]) for name in imported(when_loaded(tree), modules, "app.detect"))


def test_no_circle_in_app():
    modules = sources("app")
    graph = {
        name: imported(when_loaded(ast.parse(path.read_text(encoding="utf-8"))), modules, name) & set(modules)
        for name, path in modules.items()
    }
    assert sum(map(len, graph.values())) > 50  # else nothing was found that could be a circle
    assert circle(graph) is None


@pytest.mark.parametrize(
    "graph, expected",
    [
        ({"a": {"b"}, "b": {"c"}}, None),
        ({"a": {"b", "c"}, "b": {"c"}, "c": set()}, None),
        ({"a": {"a"}}, ["a", "a"]),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}}, ["b", "c", "b"]),
    ],
)
def test_what_a_circle_is(graph, expected):
    assert circle(graph) == expected


def test_what_is_imported():
    code = "import a.b, os\nfrom a import b, x\nfrom . import c\ntry:\n    import d\nexcept ImportError: pass\n"
    later = "def f():\n    import e\n"
    modules = {"a", "a.b", "p.c", "d", "e"}
    assert imported(ast.parse(code + later), modules, "p.q") == {"a", "a.b", "os", "p.c", "d", "e"}
    assert "e" not in imported(when_loaded(ast.parse(code + later)), modules, "p.q")


def test_app_has_rooms():
    assert len(list(Path(ROOT, "app").glob("*.py"))) <= FILES_IN_APP
