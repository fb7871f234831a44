"""What the broker should keep: the newest value of each topic."""

from app.notify.retained import Retained, Value


def test_only_the_newest_value_is_published():
    retained = Retained()
    for count in range(1000):
        retained.set("a", b"%d" % count)
    retained.set("b", b"x")
    assert retained.take(10, (), (1,)) == {"a": Value(b"999", 1), "b": Value(b"x", 1)}
    assert not retained.waits


def test_what_is_as_it_was_is_not_published_again():
    retained = Retained()
    retained.set("a", b"1")
    retained.take(10, (), (1,))
    retained.set("a", b"1")
    assert not retained.waits
    retained.set("a", b"2")
    assert retained.waits


def test_a_topic_under_way_waits_for_its_turn():
    """Else the older of two values might arrive last."""
    retained = Retained()
    retained.set("a", b"1")
    retained.set("b", b"1")
    assert list(retained.take(10, ("a",), (1,))) == ["b"]
    assert list(retained.take(10, (), (1,))) == ["a"]


def test_limits_and_levels_of_service():
    retained = Retained()
    for topic in "abc":
        retained.set(topic, b"1")
    retained.set("picture", b"jpeg", qos=0)
    assert list(retained.take(2, (), (1,))) == ["a", "b"]
    assert list(retained.take(9, (), (0,))) == ["picture"]
    assert list(retained.take(9, (), (0, 1))) == ["c"]


def test_a_new_connection_gets_all_in_the_order_in_which_it_came():
    retained = Retained()
    for topic in "abc":
        retained.set(topic, b"0")
    retained.take(9, (), (1,))
    retained.set("a", b"1")
    retained.repeat()
    assert list(retained.take(9, (), (1,)).items()) == [("a", (b"1", 1)), ("b", (b"0", 1)), ("c", (b"0", 1))]
    assert retained.has("a")
    assert not retained.has("d")
