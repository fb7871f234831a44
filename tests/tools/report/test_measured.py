import pytest

from tools.report.measured import data_name, machine_facts


@pytest.mark.parametrize(
    "uri, name",
    [
        ("/home/somebody/street.mp4", "street.mp4"),
        ("val/images", "val/images"),
        ("../data/val/images/", "val/images"),
        ("images", "images"),
        ("../images", "images"),
        ("C:\\data\\val\\images", "val/images"),
        ("C:\\images", "images"),
        ("/images", "images"),
        ("/dev/video0", "video0"),
        ("0", "0"),
        ("images/images", "images/images"),
        ("rtsp://me:secret@10.0.0.7/live", "rtsp://***@10.0.0.7/live"),
    ],
)
def test_data_name(uri, name):
    assert data_name(uri) == name


def test_a_load_has_its_unit():
    facts = machine_facts({"processor": "A processor", "cores": 4, "board": {"load": 1.99, "power_mode": "0 (MAXN)"}})
    assert facts == [("processor", "A processor, 4 cores"), ("load", "1.99 a core"), ("power mode", "0 (MAXN)")]
