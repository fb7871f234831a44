"""What is posted, when it is tried again, and when no more."""

import json

import pytest
from support.fakes import FakeClock
from support.outboxes import FakeStore, change, changes

from app.notify import webhook as webhook_module
from app.notify.post import Answer, Refused
from app.notify.webhook import SCHEDULE, WebhookCourier

URL = "https://hooks.example/secret/path"


class Courier:
    """A courier that posts to the test, by a clock of the test's."""

    def __init__(self, monkeypatch, *answers):
        """answers: statuses, answers or exceptions, one for each attempt; then 200."""
        self.answers = list(answers)
        self.posted = []  # (time, id, type)
        self.clock = FakeClock()
        self.outbox = FakeStore().outbox("webhook:0")
        self.outbox.wait = lambda seconds: None
        self.courier = WebhookCourier("webhook:0", None, URL, now=self.clock.now)
        courier = self

        class Post:
            def __init__(self, url, public_only):
                assert url == URL

            def send(self, body, headers):
                fields = json.loads(body.decode())
                courier.posted.append((courier.clock.time, headers["webhook-id"], fields["type"]))
                answer = courier.answers.pop(0) if courier.answers else 200
                if isinstance(answer, Exception):
                    raise answer
                return answer if isinstance(answer, Answer) else Answer(answer, None)

        monkeypatch.setattr(webhook_module, "Post", Post)
        monkeypatch.setattr(webhook_module, "JITTER", (1.0, 1.0))

    def run(self, seconds=0.0):
        """Deliver, for so many seconds of the clock, in steps of one."""
        for _ in range(int(seconds) + 1):
            before = -1
            while before != len(self.posted):
                before = len(self.posted)
                self.courier.deliver(self.outbox)
            self.clock.time += 1
        self.clock.time -= 1


def test_the_body():
    courier = WebhookCourier(
        "webhook:0", None, URL, links=lambda change: {"picture_url": "http://nano.local:8080/p.jpg"}
    )
    fields = json.loads(courier.body(change()).decode())
    assert fields["type"] == "event.new"
    assert fields["timestamp"] == "1970-01-01T00:01:41.000Z"
    assert fields["data"]["label"] == "person"
    assert fields["data"]["picture_url"] == "http://nano.local:8080/p.jpg"


def test_in_order_and_once(monkeypatch):
    courier = Courier(monkeypatch)
    for one in changes(3):
        courier.outbox.put(one)
    courier.run()
    assert [(identifier[-1], kind) for _, identifier, kind in courier.posted] == [
        (str(number), "event." + one.type) for number, one in enumerate(changes(3), 1)
    ]
    assert courier.courier.figures() == {"sent": 9, "retried": 0, "given_up": 0}
    assert not courier.outbox.rows


def test_tries_again_by_the_schedule_with_the_same_id_and_gives_up(monkeypatch, capsys):
    courier = Courier(monkeypatch, *[500] * 20)
    courier.outbox.put(change())
    while courier.outbox.rows:
        courier.courier.deliver(courier.outbox)
        courier.clock.time = max(courier.clock.time, min([m.due for m in courier.outbox.rows.values()] or [0]))
        courier.clock.time = max(courier.clock.time, courier.courier._due)
    times = [when for when, _, _ in courier.posted]
    assert [after - before for before, after in zip(times, times[1:])] == list(SCHEDULE)
    assert len({identifier for _, identifier, _ in courier.posted}) == 1
    assert courier.courier.figures() == {"sent": 0, "retried": 9, "given_up": 1}
    assert courier.outbox.given_up == [1]
    err = capsys.readouterr().err
    assert "answers with 500; what is for it waits on disk" in err
    assert "secret" not in err


@pytest.mark.parametrize("answer", [301, 302, 400, 404, 500, ConnectionRefusedError(111, "refused"), OSError("gone")])
def test_all_but_a_success_is_tried_again(monkeypatch, answer):
    courier = Courier(monkeypatch, answer)
    courier.outbox.put(change())
    courier.run(5)
    assert len(courier.posted) == 2
    assert courier.courier.sent == 1


def test_gone_means_gone(monkeypatch, capsys):
    courier = Courier(monkeypatch, 410)
    for one in changes(2):
        courier.outbox.put(one)
    courier.run(100)
    assert len(courier.posted) == 1
    assert courier.courier.figures() == {"sent": 0, "retried": 0, "given_up": 6}
    assert capsys.readouterr().err.count("410") == 1


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(monkeypatch, status):
    courier = Courier(monkeypatch, Answer(status, 60.0))
    courier.outbox.put(change())
    courier.run(70)
    assert [when - courier.posted[0][0] for when, _, _ in courier.posted] == [0, 60]


def event_of(identifier):
    """The last digit of the event that a message is about."""
    return identifier.split("-")[1][-1]


def test_one_message_that_fails_keeps_only_its_own_event_waiting(monkeypatch):
    courier = Courier(monkeypatch, 400)
    for one in changes(2):
        courier.outbox.put(one)
    courier.run()
    assert [event_of(identifier) for _, identifier, _ in courier.posted] == list("0111")
    courier.run(10)
    kinds = [kind for _, identifier, kind in courier.posted if event_of(identifier) == "0"]
    assert kinds == ["event.new", "event.new", "event.update", "event.end"]


def test_after_an_outage_nothing_waits_for_its_schedule(monkeypatch):
    """An hour without a server, and ten events: few attempts meanwhile, and all is there five minutes after it."""
    courier = Courier(monkeypatch)
    courier.answers = [ConnectionRefusedError(111, "refused")] * 10**4
    for one in changes(10):
        courier.outbox.put(one)
    courier.run(3600)
    assert len(courier.posted) < 40
    courier.answers = []
    courier.run(301)
    assert not courier.outbox.rows
    assert courier.courier.sent == 30


def test_after_a_start_nothing_waits_for_a_server_that_works_by_now(monkeypatch):
    courier = Courier(monkeypatch)
    for one in changes(3):
        courier.outbox.put(one)
    for row in list(courier.outbox.rows):
        courier.outbox.postpone(row, courier.clock.time + 300, 4)
    courier.run(0)
    assert not courier.outbox.rows
    assert courier.courier.sent == 9


def test_after_a_start_a_server_that_is_still_down_costs_no_attempt(monkeypatch):
    courier = Courier(monkeypatch, 500)
    courier.outbox.put(change())
    courier.outbox.postpone(1, courier.clock.time + 300, 4)
    courier.run(200)
    assert len(courier.posted) == 1
    assert courier.outbox.pending(1)[0].attempts == 4
    courier.run(200)
    assert not courier.outbox.rows


def test_a_clock_that_is_set_back_does_not_stop_it(monkeypatch):
    courier = Courier(monkeypatch, 500, 500)
    courier.outbox.put(change())
    courier.run(20)
    assert len(courier.posted) == 2
    courier.clock.time -= 10**6
    courier.run(1)
    assert courier.courier.sent == 1


def test_a_private_address_is_one_line(monkeypatch, capsys):
    courier = Courier(monkeypatch, *[Refused("10.0.0.1 is not a public address")] * 9)
    for one in changes(2):
        courier.outbox.put(one)
    courier.run(60)
    assert capsys.readouterr().err == (
        "warning: webhook https://hooks.example/...: 10.0.0.1 is not a public address; what is for it waits on disk\n"
    )
