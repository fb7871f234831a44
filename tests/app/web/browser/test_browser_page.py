"""The pages as people meet them: mouse, keyboard, phone, dark, a camera that dies."""

import time

import pytest

pytestmark = pytest.mark.verify

CARDS = "[...document.querySelectorAll('.camera h3')].map(title => title.innerText)"
FOCUSED = "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def press(page, key):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    ActionChains(page.driver).send_keys(getattr(Keys, key)).perform()


@pytest.mark.parametrize("screen", ["desktop", "phone"])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_all_cameras_move(look, count, screen):
    names = [f"cam{number}" for number in range(count)]
    page = look(*names)
    page.open(screen=screen)
    page.until("document.querySelectorAll('.camera').length")
    assert page.run(CARDS) == names
    for number in range(count):
        page.moves(f".camera:nth-child({number + 1}) canvas")
    assert page.run(OVERFLOW) <= 0
    assert page.said() == []


def test_a_tile_is_cut_out_without_bars_and_without_its_neighbours(look):
    page = look("a", "b", "c")
    page.cameras.size = (640, 360)
    page.open()
    page.moves(".camera canvas")
    page.until(
        "Math.abs(document.querySelector('canvas').width / document.querySelector('canvas').height - 16 / 9) < .03"
    )
    greys = """(() => { const canvas = document.querySelectorAll('canvas')[1], pen = canvas.getContext('2d');
        return [.02, .5, .98].map(x => [.1, .5, .98].map(y =>
            pen.getImageData(x * canvas.width, y * canvas.height, 1, 1).data[0])).flat().slice(1) })()"""
    found = page.run(greys)  # without the corner with the name
    assert max(found) - min(found) < 8, "all of it is of the grey of its image"


def test_cameras_come_and_go_with_a_reload(look):
    page = look("door", "yard")
    page.open()
    page.moves(".camera canvas")
    for names in (["door", "yard", "gate"], ["gate"], ["gate", "door"]):
        page.cameras.change(*names)
        page.until(CARDS + ".join() === arguments[0]", ",".join(names))
        for number in range(len(names)):
            page.moves(f".camera:nth-child({number + 1}) canvas")
    assert page.said() == []


def test_what_it_says(look, event):
    page = look("door", "yard")
    page.open()
    page.until("document.querySelectorAll('.camera dd').length > 8")
    page.until("/[0-9.]+ of any/.test(document.querySelector('.camera').innerText)")
    said = " ".join(page.text(".camera").split())
    for phrase in ("door live", "s old", "FPS", "Latency 10", "Dropped 0 of", "Seen now 2 × dog 1 × person"):
        assert phrase in said
    assert "Line kerb in 3 out 0 Zone road 1 inside 4 entered" in said
    assert page.text("#health") == "2 cameras, all well"
    assert "small on fake" in page.text("footer")
    assert "Nothing has happened yet" in page.text("main")
    page.cameras.events = [
        event("appear"),
        event("cross", line="kerb", direction="in"),
        event("leave", zone="road", seconds=3),
    ]
    page.until("document.querySelectorAll('#events li').length === 3")
    page.until("[...document.images].every(image => image.complete && image.naturalWidth)")
    lines = list(filter(None, page.text("#events").splitlines()))
    assert lines[::2] == ["person #7 left road after 3 s", "person #7 crossed kerb, in", "person #7 appeared"]
    assert page.run("document.querySelector('#no-events').hidden")
    page.cameras.events = [event("appear")] * 120
    page.until("document.querySelectorAll('#events li').length === 100")
    assert page.said() == []


def test_names_are_text(look, event):
    evil = "<img src=x onerror=alert(1)>"
    page = look("door")
    page.open()
    thing = event("appear")
    page.cameras.events = [thing._replace(seen=thing.seen._replace(label=evil)), event("enter", zone=evil)]
    page.until("document.querySelectorAll('#events li').length === 2")
    assert evil + " #7 appeared" in page.text("#events")
    assert page.run("document.querySelectorAll('#events img').length") == 2
    assert page.said() == []


def test_with_the_keyboard(look):
    page = look("door", "yard")
    page.open()
    page.until("document.querySelectorAll('.camera').length")
    found = []
    for _ in range(3):
        press(page, "TAB")
        found.append(page.run(FOCUSED))
    assert found == ["Lines and zones", "door: show the picture large", "yard: show the picture large"]
    press(page, "ENTER")
    page.until("document.querySelector('#large').open")
    assert page.text("#large-title") == "yard"
    page.moves("#large canvas")
    press(page, "ARROW_RIGHT")
    page.until("document.querySelector('#large-title').innerText === 'door'")
    page.moves("#large canvas")
    assert page.run("document.querySelector('#large canvas').getAttribute('aria-label')") == "Live picture of door"
    press(page, "ESCAPE")
    page.until("!document.querySelector('#large').open")
    assert page.run(FOCUSED) == "yard: show the picture large"
    page.moves(".camera canvas")
    assert page.said() == []


def test_a_camera_that_dies_is_seen_as_dead(look):
    page = look("door", "yard")
    page.open()
    page.moves(".camera canvas")
    assert page.run("document.querySelectorAll('.stale').length") == 0
    page.cameras.dead.add("door")
    page.until("document.querySelector('.camera').classList.contains('stale')")
    page.until("document.querySelector('.camera .age').classList.contains('bad')")
    page.moves(".camera:nth-child(2) canvas")
    page.until("document.querySelector('#health').innerText === '1 of 2 cameras without pictures'")
    page.cameras.dead.clear()
    page.until("!document.querySelector('.stale')")
    assert page.text("#health") == "2 cameras, all well"


def test_a_program_that_ends_and_comes_back(look):
    page = look("door")
    page.open()
    page.moves(".camera canvas")
    page.live.close()
    page.until("document.querySelector('#health').innerText === 'the program does not answer'")
    page.until("document.querySelector('.stale')")


def test_a_page_that_is_hidden_asks_for_nothing(look):
    page = look("door", "yard", "gate")
    page.open()
    page.moves(".camera canvas")
    asked = []
    answer = page.live._clients.answer
    page.live._clients.answer = lambda request, address: asked.append(request.path) or answer(request, address)
    time.sleep(2)
    assert {"/mosaic.jpg", "/api/state"} == set(asked)
    encoded = page.live.hub.encoded
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")  # which hides the other
    try:
        time.sleep(1)
        del asked[:]
        encoded = page.live.hub.encoded
        time.sleep(3)
        assert asked == []
        assert page.live.hub.encoded == encoded
    finally:
        page.driver.close()
        page.driver.switch_to.window(first)
    page.moves(".camera canvas")


def test_it_is_light_and_there_at_once(look, record_property):
    page = look("door")
    page.open()
    page.moves(".camera canvas")
    entries = "performance.getEntries().filter(entry => entry.transferSize && !/(jpg|api)/.test(entry.name))"
    weight = page.run(f"{entries}.reduce((sum, entry) => sum + entry.transferSize, 0)")
    paint = page.run("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    record_property("first paint, ms", paint)
    print(f"the page: {weight} bytes, painted after {paint:.0f} ms")
    assert 10000 < weight < 60000


def test_the_login(look):
    page = look("door", token=True)
    page.open()
    assert "type its token" in page.text()
    assert "not the token" not in page.text()
    assert page.run("getComputedStyle(document.querySelector('main')).borderRadius") == "12px", (
        "its style is let through"
    )
    for token, title in (("wrong", "That was not the token."), (page.live.token, "Cameras")):
        page.run("document.querySelector('input').value = arguments[0]", token)
        page.driver.find_element("css selector", "button").click()
        page.until("document.body.innerText.includes(arguments[0])", title)
    assert page.run("location.href") == page.url + "/"
    assert page.run("document.cookie") == "", "no script can read the cookie"
    page.moves(".camera canvas")
    page.open("/places")
    assert page.text("h1") == "Lines and zones"
    page.driver.delete_all_cookies()


def test_the_complete_link(look):
    page = look("door", token=True)
    page.open("/?token=" + page.live.token)
    page.moves(".camera canvas")
    assert page.run("location.href") == page.url + "/"
    assert page.said() == []
    page.driver.delete_all_cookies()
    page.until("document.querySelector('form[action]')")  # back to the login, and not a page that stands still


def test_lines_and_zones_are_drawn(look):
    from selenium.webdriver import ActionChains

    page = look("door")
    page.open("/places")
    page.until("document.querySelector('#picture').width === 640")
    canvas = page.driver.find_element("id", "picture")
    width, height = canvas.size["width"], canvas.size["height"]
    for x, y in ((-0.25, 0.0), (0.25, 0.25)):
        ActionChains(page.driver).move_to_element_with_offset(canvas, x * width, y * height).click().perform()
    page.until("document.querySelector('#toml').value")
    head, line = page.run("document.querySelector('#toml').value").splitlines()
    assert head == "[camera.door]"
    assert line.startswith('line = ["door:2')
    assert line.endswith('%"]')
    corners = [[float(n.rstrip("%")) for n in one.split(",")] for one in line[14:-2].split("-")]
    assert [n for one in corners for n in one] == pytest.approx([25, 50, 75, 75], abs=0.5)
    assert page.said() == []
