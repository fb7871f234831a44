"""An incident and its changes as JSON, and back."""

import json
import re

import pytest

from app.events.incident import Change, Incident, change_from_json, incident_from_json, new_id

SEEN = Incident(
    "1732871221.250-k3v9qa", "yard", 17, "person", 0, 1732871221.25, 1732871229.5, 0.9125, (1.0, 2.0, 30.5, 40.25),
    ("drive", "step"), ("door/in",), "cross", 41.5, "pictures/a.jpg", "clips/a.mkv",
)  # fmt: skip


def test_an_incident_comes_back_from_its_json():
    assert incident_from_json(json.loads(json.dumps(SEEN.as_json()))) == SEEN


def test_a_change_comes_back_from_its_json():
    change = Change("end", SEEN, 1732871234.125, 9)
    fields = json.loads(json.dumps(change.as_json()))
    assert (fields["type"], fields["event_type"], fields["class"]) == ("end", "cross", 0)
    assert change_from_json(fields) == change


def test_an_open_incident_has_no_end_yet():
    fields = Incident("a", "", 1, "car", 2, 10.00049).as_json()
    assert (fields["end"], fields["speed"], fields["start"], fields["zones"]) == (None, None, 10.0, [])


@pytest.mark.parametrize(
    ("field", "value"), [("box", [1, 2, 3]), ("start", "soon"), ("zones", None), ("end", "never"), ("id", ...)]
)
def test_what_is_no_incident_is_refused(field, value):
    fields = SEEN.as_json()
    if value is ...:
        del fields[field]
    else:
        fields[field] = value
    with pytest.raises(ValueError, match="not an event"):
        incident_from_json(fields)


def test_ids_name_the_start_and_differ():
    ids = {new_id(1732871221.2504) for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"1732871221\.250-[a-z0-9]{6}", one) for one in ids)
