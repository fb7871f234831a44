"""What Home Assistant is told: ids without bad characters, unique, and topics that are published."""

import json
import re

from app.notify.discovery import Contents, Device, message, topic
from app.notify.topics import CameraTopics

DEVICE = Device("nanoyolo_nano_yard", "yard", "yolov3-tiny", "http://nano.local:8080/")
TOPICS = CameraTopics("nanoyolo/nano", "yard")
LABELS = ("person", "traffic light", "a/b", "event")
TOPICS.know(LABELS)
CONTENTS = Contents(LABELS, ("drive",), (("door", ("in", "out")),))
FOUND = json.loads(message(DEVICE, "nanoyolo/nano/status", TOPICS, CONTENTS).decode())


def test_the_device():
    assert topic(DEVICE) == "homeassistant/device/nanoyolo_nano_yard/config"
    about = FOUND["dev"]
    assert (about["ids"], about["name"], about["mf"]) == (["nanoyolo_nano_yard"], "yard", "nanoyolo")
    assert (about["mdl"], about["cu"]) == ("yolov3-tiny", "http://nano.local:8080/")
    assert FOUND["o"]["name"] == "nanoyolo"


def test_it_is_available_while_both_program_and_camera_are_online():
    assert FOUND["avty"] == [{"t": "nanoyolo/nano/status"}, {"t": "nanoyolo/nano/yard/status"}]
    assert FOUND["avty_mode"] == "all"


def test_every_entity_has_an_id_of_its_own():
    ids = [component["unique_id"] for component in FOUND["cmps"].values()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-zA-Z0-9_-]+", name) for name in [*ids, *FOUND["cmps"]])


def test_entities_of_a_label():
    parts = FOUND["cmps"]
    assert parts["label_person"]["p"] == "binary_sensor"
    assert parts["label_person"]["dev_cla"] == "occupancy"
    assert parts["label_person"]["stat_t"] == "nanoyolo/nano/yard/person"
    assert "value|int(0) > 0" in parts["label_person"]["val_tpl"]
    assert parts["count_traffic_light"]["stat_t"] == "nanoyolo/nano/yard/traffic_light"
    assert parts["image_person"]["image_topic"] == "nanoyolo/nano/yard/person/snapshot"
    assert parts["zone_drive_person"]["stat_t"] == "nanoyolo/nano/yard/zones/drive/person"


def test_entities_of_the_camera():
    parts = FOUND["cmps"]
    assert (parts["line_door_in"]["stat_t"], parts["line_door_in"]["stat_cla"]) == (
        "nanoyolo/nano/yard/lines/door/in", "total_increasing",
    )  # fmt: skip
    assert parts["event"]["event_types"] == ["seen", "enter", "leave", "cross", "loiter"]
    assert parts["fps"]["ent_cat"] == parts["latency"]["ent_cat"] == "diagnostic"


def test_what_is_not_known_is_left_out():
    about = json.loads(message(Device("a", "a"), "s", TOPICS, Contents((), (), ())).decode())["dev"]
    assert "mdl" not in about
    assert "cu" not in about
