"""A request to stop reaches the training of a process, and only the one that it is meant for."""

import threading
from collections.abc import Iterator

import pytest

from workers.training import stop_request


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(stop_request, "ASK_EVERY_SECONDS", 0.001)
    yield
    stop_request.listen(None)


def heard() -> bool:
    assert stop_request._current is not None
    return stop_request._current.asked.wait(60)


def test_nothing_is_asked_where_nobody_listens() -> None:
    assert not stop_request.is_asked()


def test_a_request_is_seen_once_it_is_there_and_belongs_to_one_training() -> None:
    request = threading.Event()
    stop_request.listen(request.is_set)
    assert not stop_request.is_asked()
    request.set()
    assert heard() and stop_request.is_asked()
    stop_request.listen(lambda: False)
    assert not stop_request.is_asked()


def test_an_answer_that_fails_is_asked_for_again() -> None:
    answers: list[int] = []

    def ask() -> bool:
        answers.append(len(answers))
        if len(answers) < 3:
            raise ConnectionError("the head does not answer")
        return True

    stop_request.listen(ask)
    assert heard() and len(answers) == 3


def test_a_training_that_has_ended_asks_no_more() -> None:
    asked, ended = threading.Event(), threading.Event()

    def ask() -> bool:
        asked.set()
        ended.wait(60)
        return True

    stop_request.listen(ask)
    assert asked.wait(60)
    stop_request.listen(None)
    ended.set()
    assert not stop_request.is_asked()
