"""The pieces of Python that documents show call what exists, with arguments that it takes. They are not run."""

import ast
import inspect

import pytest
from documents import DOCUMENTS, blocks, name

BLOCKS = [
    pytest.param(block, id=f"{name(document)}-{number}")
    for document in DOCUMENTS
    for number, block in enumerate(blocks(document.read_text(encoding="utf-8"), "python"))
]


def wrong_calls(code):
    """The calls of imported functions of this project whose arguments do not fit, or that do not exist."""
    tree = ast.parse(code)
    names = {}
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            exec(compile(ast.Module([node], []), "example", "exec"), names)
    found = []
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        text = ast.unparse(call.func)
        if text.partition(".")[0] not in names or text.startswith("cv2."):
            continue  # a method of an object that is made when the code is run; OpenCV's have no signature
        try:
            keywords = {keyword.arg: None for keyword in call.keywords}
            inspect.signature(eval(text, names)).bind(*call.args, **keywords)
        except (AttributeError, TypeError) as error:
            found.append(f"{text}: {error}")
    return found


def test_there_are_some():
    assert len(BLOCKS) > 4


@pytest.mark.parametrize("block", BLOCKS)
def test_documents(block):
    assert wrong_calls(block) == []


@pytest.mark.parametrize(
    "code, problem",
    [
        ("import nanoyolo\nwith nanoyolo.load_detector('a', size=1) as detector: detector.detect(image)", None),
        ("import nanoyolo\nnanoyolo.load('a')", "no attribute 'load'"),
        ("from app.detector import load_detector\nload_detector('a', 416)", "too many positional"),
        ("from app.sources import open_source\nopen_source('0', fps=30)", "unexpected keyword argument 'fps'"),
    ],
)
def test_what_is_wrong(code, problem):
    found = wrong_calls(code)
    assert found == [] if problem is None else len(found) == 1 and problem in found[0]
