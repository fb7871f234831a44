"""The page in a real, headless browser: desktop, phone and paper."""

import base64
import json
import os
import shutil

import pytest
from support import reports
from test_page import evil_section

from tools.cost.nano import errors
from tools.report import __main__ as report
from tools.report.page import as_html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
WIDTHS = {"desktop": 1200, "phone": 390}

webdriver = pytest.importorskip("selenium.webdriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium with its chromedriver here")

BROKEN_IMAGES = "return [...document.images].filter(i => !i.complete || !i.naturalWidth).length"
EMPTY_DRAWINGS = """
    return [...document.querySelectorAll('svg')].filter(s => {
        const box = s.getBoundingClientRect(); return box.width < 100 || box.height < 20}).length"""
TEXT_OUTSIDE = """
    return [...document.querySelectorAll('svg')].flatMap(s => {
        const whole = s.getBoundingClientRect();
        return [...s.querySelectorAll('text')].filter(t => {
            const box = t.getBoundingClientRect();
            return box.left < whole.left - 1 || box.right > whole.right + 1 || box.top < whole.top - 1
                || box.bottom > whole.bottom + 1}).map(t => t.textContent)})"""
SMALLEST_LETTERS = """
    return Math.min(...[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect())
        .filter(b => b.width > b.height).map(b => b.height))"""
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
TOO_WIDE = """
    return [...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll table') && !e.closest('svg') &&
        e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.tagName)"""


WIDER_THAN_THEIR_BOX = """
    return [...document.querySelectorAll('.scroll')].filter(b => b.scrollWidth > b.clientWidth)
        .map(b => b.ariaLabel + ': ' + b.scrollWidth + ' > ' + b.clientWidth)"""


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages by name: of everything there is, of one combination, of many with long names, and of evil names."""
    folder = tmp_path_factory.mktemp("pages")
    everything = [str(folder / "sweep")]
    reports.make_sweep(folder / "sweep", pacing=["delay", "deadline"], labels=reports.truth())
    paced = {"24": {"work_ms": 7.8, "formula": 20.2, "delay": reports.spread(20.0), "deadline": reports.spread(24.0)}}
    cost = {"kind": "cost", "models": {"yolov3-tiny": [COST]}, "published": errors(), "frame": [640, 480]}
    content = {
        "cost": cost,
        "score": reports.score(),
        "bench": reports.bench(s160=reports.loop_figures()),
        "run": reports.detect(),
    }
    content.update(pacing=reports.bench(s160=paced), cifar=reports.evaluate())
    for name, made in content.items():
        (folder / f"{name}.json").write_text(json.dumps(made))
        everything.append(str(folder / f"{name}.json"))
    reports.make_sweep(folder / "one", captures=[None], sizes=[160], fps=[None])
    reports.make_sweep(
        folder / "many", captures=[(320, 240), (640, 480), (1920, 1080)], sizes=[160, 224, 320, 416, 608],
        backends=["onnx", "tensorflow:a-precision-of-which-nobody-has-heard"], source="street" + "-in-the-rain" * 9,
    )  # fmt: skip
    runs = {"everything": everything, "one": [str(folder / "one")], "many": [str(folder / "many")]}
    for name, paths in runs.items():
        assert report.main([*paths, "--output", str(folder / "out" / name), "--title", name]) == 0
    os.mkdir(folder / "out" / "evil")
    (folder / "out" / "evil" / "report.html").write_text(
        as_html(reports.EVIL, [evil_section()], [reports.EVIL], "2026-01-02")
    )
    return {name: folder / "out" / name / "report.html" for name in (*runs, "evil")}


COST = {
    "size": 416, "input": [320, 416], "operations_g": 4.2807, "moved_mb": 32.2, "floor_ms": 9.6, "floor_5w_ms": 13.8,
    "floor_cpu_ms": 94.4, "network_ms": 16.8, "expected_ms": 34.3, "expected_fps": 29.1, "extrapolated": True,
    "bound": {"operations": 0.95, "bytes": 0.05},
}  # fmt: skip


def look(browser, page, width=1200, height=900):
    """Open a page at that width; what the console said, and where the browser went."""
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(page.as_uri())
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    return browser.get_log("browser"), {url for url in asked if not url.startswith("data:")}


NAMES = ("everything", "one", "many", "evil")


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
@pytest.mark.parametrize("name", NAMES)
def test_it_renders(browser, pages, name, width):
    said, asked = look(browser, pages[name], width)
    assert said == []
    assert asked == {pages[name].as_uri()}
    assert browser.execute_script("return document.compatMode") == "CSS1Compat"
    assert browser.execute_script("return document.images.length") > 0
    assert browser.execute_script(BROKEN_IMAGES) == 0
    assert browser.execute_script(EMPTY_DRAWINGS) == 0
    assert browser.execute_script(OVERFLOW) == 0
    assert browser.execute_script(TOO_WIDE) == []
    assert browser.execute_script(TEXT_OUTSIDE) == []
    assert browser.execute_script(SMALLEST_LETTERS) >= 9, "on a phone too"
    if width == WIDTHS["desktop"]:
        assert browser.execute_script(WIDER_THAN_THEIR_BOX) == []


def test_a_table_scrolls_in_its_box_and_its_names_stay_in_sight(browser, pages):
    look(browser, pages["everything"], WIDTHS["phone"], height=400)
    box = "document.querySelector('.scroll')"
    browser.execute_script(f"{box}.scrollLeft = {box}.scrollTop = 100")
    assert browser.execute_script(f"return [{box}.scrollLeft, {box}.scrollTop]") == [100, 100]
    for cell, side in (("td", "left"), ("th", "top")):
        places = (f"{element}.getBoundingClientRect().{side}" for element in (f"{box}.querySelector('{cell}')", box))
        assert abs(browser.execute_script("return " + " - ".join(places))) < 3


def test_on_a_phone_half_of_a_table_is_left_for_figures(browser, pages):
    look(browser, pages["evil"], WIDTHS["phone"])
    share = "b.querySelector('td').getBoundingClientRect().width / innerWidth"
    shares = browser.execute_script(f"return [...document.querySelectorAll('.scroll')].map(b => {share})")
    assert len(shares) == 1
    assert shares[0] < 0.5, "however long the name of the row is"


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_a_picture_opens_enlarged_and_closes_again(browser, pages, width):
    def shown():
        return browser.execute_script(
            "const box = document.images[0].getBoundingClientRect(); return [box.width, box.left >= 0, box.top >= 0]"
        )

    look(browser, pages["everything"], width)
    small, *_ = shown()
    assert small < 600
    browser.execute_script("document.images[0].closest('a').click()")
    large, *inside = shown()
    assert large >= 640
    assert inside == [True, True]
    assert browser.execute_script("return document.querySelector('figure:target .shut').checkVisibility()")
    browser.execute_script("document.querySelector('figure:target .shut').click()")
    assert shown()[0] == small
    assert not browser.execute_script("return document.querySelector('.shut').checkVisibility()")


@pytest.mark.parametrize("name", NAMES)
def test_it_prints(browser, pages, name):
    """On A4, nothing is cut off: there the tables' boxes do not scroll."""
    look(browser, pages[name])
    paper = {"paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": True}
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", paper)["data"])
    assert pdf.startswith(b"%PDF")
    assert 1 <= pdf.count(b"/Type /Page\n") <= 12
    look(browser, pages[name], width=round((8.27 - 24 / 25.4) * 96))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert browser.execute_script(OVERFLOW) == 0
        cut = "return [...document.querySelectorAll('.scroll')].filter(b => b.scrollWidth > b.clientWidth + 1).length"
        assert browser.execute_script(cut) == 0
        after = "const a = document.querySelector(arguments[0]); return a && getComputedStyle(a).breakAfter"
        for last in ("h2", "h2 + p", "h2 + ul > li:last-child"):
            assert browser.execute_script(after, last) in ("avoid", None), "what it is about is on the same sheet"
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
