"""The events of a store in the page: one line for each, which changes until it ends."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from app.events.incident import Change, Incident
from app.events.store import Store

pytestmark = pytest.mark.verify

ITEMS = "[...document.querySelectorAll('#events li p')].map(text => text.firstChild.textContent)"


def incident(number, start, **fields):
    name = f"{start:.3f}-aaaaa{number}"
    made = Incident(name, "door", number, "person", 0, start, picture=f"pictures/{name}.jpg")
    return made._replace(**fields)


@pytest.fixture
def store(tmp_path):
    with Store(str(tmp_path)) as store:
        yield store


def picture(store, one):
    data = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
    with open(f"{store.folder}/{one.picture}", "wb") as file:
        file.write(data)


def test_an_event_changes_until_it_ends(look, store):
    page = look("door", stored=SimpleNamespace(store=store))
    first, second = incident(1, 1.7e9), incident(2, 1.7e9 + 60, zones=("drive",), lines=("gate/in",))
    for one in (first, second):
        picture(store, one)
        store.record([Change("new", one, one.start)])
    page.open()
    page.until(ITEMS + ".length === 2")
    assert page.run(ITEMS) == ["person, entered drive, crossed gate, in, still there", "person, still there"]
    page.until("[...document.querySelectorAll('#events img')].every(image => image.complete && image.naturalWidth)")
    store.record([Change("end", first._replace(end=1.7e9 + 12), 1.7e9 + 15)])
    page.until(ITEMS + "[1] === 'person, for 12 s'")
    assert page.run(ITEMS + ".length") == 2
    assert page.run("document.querySelectorAll('#events button').length") == 0
    assert page.said() == []
