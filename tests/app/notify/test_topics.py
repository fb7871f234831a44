"""Names of topics: without what has a meaning in them, and no two alike."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.notify.topics import OF_A_CAMERA, CameraTopics, label_levels, level

PLAIN = re.compile("[A-Za-z0-9_-]{1,64}")


def test_what_is_plain_stays_as_it_is():
    assert level("front-door_2") == "front-door_2"
    assert label_levels(["person", "traffic light"]) == {"person": "person", "traffic light": "traffic_light"}


@pytest.mark.parametrize("text", ["", "+", "#", "a/b", "$SYS", "hund\0", "人", "x" * 65, "a b", "\ud800", "status"])
def test_all_else_is_changed_and_has_a_part_of_its_hash(text):
    changed = level(text, ("status",))
    assert PLAIN.fullmatch(changed)
    assert re.search("-[0-9a-f]{8}$", changed)


@given(st.lists(st.text(max_size=8), max_size=8, unique=True))
def test_two_labels_never_have_one_level_and_none_has_that_of_something_else(labels):
    levels = label_levels(labels)
    assert len(set(levels.values())) == len(labels)
    assert all(map(PLAIN.fullmatch, levels.values()))
    assert not set(levels.values()) & set(OF_A_CAMERA)


def test_labels_that_would_be_one_level_are_told_apart():
    levels = label_levels(["a b", "a_b", "event", "zones"])
    assert levels["a b"] != levels["a_b"]
    assert levels["event"].startswith("event-")
    assert levels["zones"].startswith("zones-")


def test_the_order_of_labels_does_not_matter():
    assert label_levels(["a b", "a_b"]) == label_levels(["a_b", "a b"])


def test_topics_of_a_camera():
    topics = CameraTopics("nanoyolo/nano", "yard")
    topics.know(["person", "stop sign"])
    assert topics.status == "nanoyolo/nano/yard/status"
    assert topics.event == "nanoyolo/nano/yard/event"
    assert topics.label("stop sign") == "nanoyolo/nano/yard/stop_sign"
    assert topics.snapshot("person") == "nanoyolo/nano/yard/person/snapshot"
    assert topics.zone("drive", "person") == "nanoyolo/nano/yard/zones/drive/person"
    assert topics.line("door", "in") == "nanoyolo/nano/yard/lines/door/in"


def test_a_camera_without_a_name_and_one_with_a_bad_one():
    assert CameraTopics("nanoyolo/nano", "").status == "nanoyolo/nano/cam0/status"
    assert CameraTopics("r", "status").level != "status"
    assert CameraTopics("r", "a/#").base.count("/") == 1
