import json
import subprocess
import sys

import pytest

from app import __version__
from tools.machine import RUNTIMES, machine, package_version, versions


def test_what_a_report_needs():
    facts = machine()
    assert json.loads(json.dumps(facts)) == facts
    assert set(facts) == {"processor", "cores", "board", "versions"}
    assert facts["processor"]
    assert facts["cores"] >= 1
    assert facts["versions"]["nanoyolo"] == __version__
    assert {"python", "numpy", "opencv", "onnxruntime"} <= set(facts["versions"])


@pytest.mark.parametrize("package, installed", [("pytest", True), ("no-such-package-as-this", False)])
def test_package_version(package, installed):
    assert package_version(package) == (pytest.__version__ if installed else None)


@pytest.mark.slow
def test_no_runtime_is_imported_for_it():
    code = "import sys, tools.machine; tools.machine.machine(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout.decode().split()
    assert not set(RUNTIMES) & set(loaded)


def test_a_runtime_without_a_package_is_found_where_it_is_loaded(monkeypatch):
    class Built:
        __version__ = "8.2.1.9"

    monkeypatch.setitem(sys.modules, "tensorrt", Built)
    assert versions()["tensorrt"] == "8.2.1.9"
