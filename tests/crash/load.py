"""Clients that keep a ledger: what they sent, and what was acknowledged with which answer."""
import itertools
import json
import queue
import threading
import time
import uuid

import requests

WORKERS = 4
GIVE_UP_SHARE = 0.05  # of the batches that got no answer: they may be there once, or not at all


class Book:
    """Event ids by what became of them. One worker writes an id, so no lock is needed."""

    def __init__(self):
        self.sent = {}      # id -> event
        self.answers = {}   # id -> (routed, started, held), acknowledged
        self.changed = []   # ids whose repetition got another answer than the first

    def note(self, event, answer):
        first = self.answers.setdefault(event["id"], answer)
        if first != answer:
            self.changed.append((event["id"], first, answer))


class Load:
    """Worker threads that post batches of events to whichever of the bases takes them; what got no
    answer is repeated under the same ids until it has one, or, rarely, given up."""

    def __init__(self, key, bases, dice, answer_seconds=10, workers=WORKERS):
        self.key, self.bases, self.dice = key, bases, dice
        self.answer_seconds = answer_seconds
        self.book = Book()
        self.batches = queue.Queue()
        self.failures = []
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(workers)]
        for thread in self.threads:
            thread.start()

    # What tests ask for

    def put(self, events, size=100):
        events = iter(events)
        while batch := list(itertools.islice(events, size)):
            self.batches.put(batch)

    def repeat_some(self, count):
        """Sends acknowledged events once more, as a client does that lost the answer."""
        known = list(self.book.answers)
        picked = self.dice.sample(known, min(count, len(known)))
        self.put(self.book.sent[event_id] for event_id in picked)

    def settle(self, seconds=120):
        """Waits until all batches are answered or given up."""
        deadline = time.monotonic() + seconds
        while self.batches.unfinished_tasks and not self.failures:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.batches.unfinished_tasks} batches without an answer "
                                   f"after {seconds} s")
            time.sleep(0.01)
        assert not self.failures, self.failures[:3]

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(self.answer_seconds + 5)

    # What the threads do

    def work(self):
        session = requests.Session()
        session.headers.update({"Authorization": f"Bearer {self.key}",
                                "Content-Type": "application/json"})
        while not self.ending.is_set():
            try:
                batch = self.batches.get(timeout=0.1)
            except queue.Empty:
                continue
            try:
                self.deliver(session, batch)
            except Exception as error:  # the test reports it
                self.failures.append(repr(error))
            finally:
                self.batches.task_done()

    def deliver(self, session, batch):
        self.book.sent.update((event["id"], event) for event in batch)
        bases = itertools.cycle(self.bases)
        base = next(bases)
        patient = self.dice.random() >= GIVE_UP_SHARE
        while batch and not self.ending.is_set():
            left = self.post(session, base, batch)
            if left and not patient:
                return
            if left:
                base = next(bases)
                self.ending.wait(0.05)
            batch = left

    def post(self, session, base, batch):
        """The events that are not acknowledged yet."""
        try:
            answer = session.post(f"{base}/api/v1/events/batch", json.dumps({"events": batch}),
                                  timeout=self.answer_seconds)
            if answer.status_code == 503:
                return batch
            assert answer.status_code == 202, f"{answer.status_code} {answer.text[:300]}"
            results = answer.json()["results"]
        except (requests.RequestException, ValueError):
            return batch
        return [event for event, result in zip(batch, results) if not self.took(event, result)]

    def took(self, event, result):
        if result["status"] == "ok":
            self.book.note(event, (result["routed"], result["started"], result["held"]))
            return True
        assert result["error"] == "unavailable", result
        return False


def event(customer, event_type):
    event_id = str(uuid.uuid4())
    return {"id": event_id, "customer_id": customer, "event_type": event_type,
            "data": {"id": event_id}}
