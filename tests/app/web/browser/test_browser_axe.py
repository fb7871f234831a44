"""Accessibility, by axe-core: its rules of WCAG 2.2 A and AA, and good practice."""

import os

import pytest
from support.program import ROOT

pytestmark = pytest.mark.verify

AXE = os.path.join(ROOT, "node_modules", "axe-core", "axe.min.js")
VIOLATIONS = """
    const done = arguments[arguments.length - 1];
    axe.run().then((found) => done(found.violations.map((one) =>
        `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(' ')}`)))"""


@pytest.fixture
def violations():
    if not os.path.exists(AXE):
        pytest.skip("no axe-core; in the repository: npm install --no-save axe-core")
    with open(AXE, encoding="utf-8") as file:
        script = file.read()

    def find(page):
        page.driver.execute_script(script)  # by the browser's debugger, which the policy of the page does not concern
        return page.driver.execute_async_script(VIOLATIONS)

    return find


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_the_pages(look, event, violations, screen, scheme):
    page = look("door", "yard", "gate")
    page.open("/", screen, scheme)
    page.moves(".camera:nth-child(3) canvas")
    page.cameras.events = [event("appear"), event("enter", zone="road")]
    page.cameras.dead.add("gate")
    page.until("document.querySelectorAll('#events li').length")
    page.until("document.querySelector('.stale')")
    assert violations(page) == []
    page.driver.find_element("css selector", ".picture").click()
    page.moves("#large canvas")
    assert violations(page) == []
    page.open("/places", screen, scheme)
    page.until("document.querySelector('#picture').width === 640")
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_login(look, violations, scheme):
    page = look("door", token=True)
    page.open("/?token=wrong", "phone", scheme)
    assert "not the token" in page.text()
    assert violations(page) == []
