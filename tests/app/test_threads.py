import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import LIMIT

from app import threads
from app.threads import InOrder, Mailbox


def in_a_thread(work):
    """Start work; a function that waits for it, and gives what it returned."""
    results = []
    thread = threading.Thread(target=lambda: results.append(work()), daemon=True)
    thread.start()

    def result():
        thread.join(LIMIT)
        assert not thread.is_alive(), "it still waits"
        return results[0]

    return result


@pytest.mark.parametrize(
    "size, pushed_out, left",
    [
        pytest.param(1, [[], ["a"], ["b"], ["c"]], ["d"], id="one"),
        pytest.param(2, [[], [], ["a"], ["b"]], ["c", "d"], id="two"),
        pytest.param(4, [[], [], [], []], ["a", "b", "c", "d"], id="just enough"),
        pytest.param(9, [[], [], [], []], ["a", "b", "c", "d"], id="plenty"),
    ],
)
def test_the_newest_stay_in_order(size, pushed_out, left):
    mail = Mailbox(size)
    assert [mail.put(item) for item in "abcd"] == pushed_out
    assert [mail.get(0) for _ in left] == left
    assert mail.get(0) is None


def image(megabytes):
    return np.empty(megabytes << 20, np.uint8)


def test_the_memory_is_bounded_too(monkeypatch):
    monkeypatch.setattr(threads, "QUEUE_BYTES", 3 << 20)
    mail = Mailbox(8)
    first, second, third, large = image(1), image(1), image(1), image(9)
    assert [mail.put(item) for item in (first, second)] == [[], []]
    assert mail.wait_for_room(0)
    assert mail.put(third) == []
    assert not mail.wait_for_room(0), "three megabytes are there"
    assert [item is other for item, other in zip(mail.put(large), (first,))] == [True]
    assert not mail.wait_for_room(0)
    assert [mail.get(0) for _ in range(2)][1] is third
    mail.get(0)
    assert mail.put(large) == [], "one fits always"


def test_get_waits_no_longer_than_it_was_told_to():
    start = time.monotonic()
    assert Mailbox(1).get(0.05) is None
    assert 0.04 < time.monotonic() - start < LIMIT


@pytest.mark.parametrize("seconds", [None, 10 * LIMIT])
def test_an_item_wakes_whoever_waits_for_it(seconds):
    mail = Mailbox(1)
    result = in_a_thread(lambda: mail.get(seconds))
    mail.put("a")
    assert result() == "a"


def test_room():
    mail = Mailbox(2)
    assert mail.wait_for_room(0)
    mail.put("a")
    assert mail.wait_for_room(0)
    mail.put("b")
    assert not mail.wait_for_room(0.01)
    mail.get()
    assert mail.wait_for_room(0)


@pytest.mark.parametrize("free", [lambda mail: mail.get(), lambda mail: mail.close()], ids=["get", "close"])
def test_what_ends_the_wait_for_room(free):
    mail = Mailbox(1)
    mail.put("a")
    result = in_a_thread(lambda: mail.wait_for_room(10 * LIMIT))
    free(mail)
    assert result() is True


def test_what_is_in_it_outlives_the_end():
    mail = Mailbox(2)
    mail.put("a")
    assert not mail.ended
    mail.close()
    assert not mail.ended, "there is something left"
    assert mail.put("b") == ["b"], "it takes no more"
    assert mail.get() == "a"
    assert mail.ended
    assert mail.get() is None, "and at once, though there is no limit"
    mail.close()
    assert mail.ended


def test_the_end_wakes_whoever_waits():
    mail = Mailbox(1)
    results = [in_a_thread(mail.get) for _ in range(3)]
    mail.close()
    assert [result() for result in results] == [None, None, None]


@pytest.mark.parametrize("waits", [False, True], ids=["puts at once", "waits for room"])
@pytest.mark.parametrize("size", [1, 3])
def test_nothing_is_lost_silently_between_two_threads(size, waits):
    """Everything that was put was got, or handed back to whoever put the next, and each in order."""
    mail = Mailbox(size)
    count = 500 if waits else 3000

    def give():
        pushed_out = []
        for number in range(count):
            assert not waits or mail.wait_for_room(LIMIT)
            pushed_out += mail.put(number)
        mail.close()
        return pushed_out

    def take():
        got = []
        while not mail.ended:
            got.append(mail.get())
        return [number for number in got if number is not None]

    taken, given = in_a_thread(take), in_a_thread(give)
    got, pushed_out = taken(), given()
    assert sorted(got + pushed_out) == list(range(count))
    assert got == sorted(got)
    assert pushed_out == sorted(pushed_out)
    assert got[-1] == count - 1, "the newest is never the one to go"
    assert not (waits and pushed_out)


def test_in_order_one_thread():
    seen = []
    order = InOrder(seen.append)
    order.put(1, "one")
    order.put(2, "two")
    assert seen == []
    order.put(0, "zero")
    assert seen == ["zero", "one", "two"]
    order.put_between("between")
    order.put(3, "three")
    assert seen[3:] == ["between", "three"]


@given(st.permutations(range(12)))
def test_in_order_whatever_comes_first(numbers):
    seen = []
    order = InOrder(seen.append)
    for number in numbers:
        order.put(number, number)
    assert seen == list(range(12))


def test_in_order_from_several_threads_one_at_a_time():
    seen, busy = [], threading.Lock()

    def hand_on(number):
        assert busy.acquire(blocking=False), "two at a time"
        seen.append(number)
        busy.release()

    order = InOrder(hand_on)
    numbers = iter(range(3000))
    take = threading.Lock()

    def bring():
        while True:
            with take:
                number = next(numbers, None)
            if number is None:
                return
            order.put(number, number)

    threads = [threading.Thread(target=bring) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert seen == list(range(3000))


def test_in_order_nobody_waits_for_the_one_that_hands_on():
    entered, leave, seen = threading.Event(), threading.Event(), []

    def hand_on(number):
        seen.append(number)
        if number == 0:
            entered.set()
            assert leave.wait(LIMIT)

    order = InOrder(hand_on)
    first = threading.Thread(target=order.put, args=(0, 0))
    first.start()
    assert entered.wait(LIMIT)
    order.put(1, 1)
    assert seen == [0], "it returned at once"
    leave.set()
    first.join(LIMIT)
    assert seen == [0, 1]


def test_in_order_after_a_failure_nothing_more_is_handed_on():
    seen = []

    def hand_on(number):
        seen.append(number)
        if number == 1:
            raise ValueError("full")

    order = InOrder(hand_on)
    order.put(0, 0)
    with pytest.raises(ValueError, match="full"):
        order.put(1, 1)
    order.put(2, 2)
    assert seen == [0, 1]
