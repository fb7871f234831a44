"""Fails if pyproject.toml sets no floor for the coverage, or if the last report of `make test-host` is below it."""

import json
import os
import sys

import coverage

REPORT = os.path.join("runs", "coverage.json")
CODE = ("app", "models", "tools", "tests")


def main():
    """The exit code. A report older than the code is left aside: the next `make test-host` judges."""
    floor = coverage.Coverage().get_option("report:fail_under")
    if not floor:
        print("error: pyproject.toml: [tool.coverage.report] sets no fail_under", file=sys.stderr)
        return 1
    if not os.path.exists(REPORT) or os.path.getmtime(REPORT) < max(map(os.path.getmtime, files())):
        return 0
    with open(REPORT) as file:
        percent = json.load(file)["totals"]["percent_covered"]
    if percent < floor:
        print(f"error: {REPORT}: {percent:.1f} % of the lines are covered, the floor is {floor:g} %", file=sys.stderr)
        return 1
    return 0


def files():
    for top in CODE:
        for folder, _, names in os.walk(top):
            yield from (os.path.join(folder, name) for name in names if name.endswith(".py"))


if __name__ == "__main__":
    sys.exit(main())
