"""The plumbing between stages."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from cartoon_color.streams import batched, chain, prefetched, side_by_side


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def settled(count, least: int) -> int:
    """The value of `count()` once it reached `least`, and had time to go beyond."""
    limit = time.monotonic() + 5
    while count() < least and time.monotonic() < limit:
        time.sleep(0.005)
    time.sleep(0.05)
    return count()


class Adds:
    lookahead = 0

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self, items: Iterator[str]) -> Iterator[str]:
        return (item + self.text for item in items)


def test_chain() -> None:
    assert list(chain(iter("ab"), [Adds("1"), Adds("2")])) == ["a12", "b12"]
    assert list(chain(iter("ab"), [])) == ["a", "b"]


@pytest.mark.parametrize(
    ("count", "size", "expected"), [(0, 3, []), (5, 2, [2, 2, 1]), (4, 2, [2, 2]), (2, 5, [2]), (3, 1, [1, 1, 1])]
)
def test_batched(count: int, size: int, expected: list[int]) -> None:
    batches = list(batched(range(count), size))
    assert [len(batch) for batch in batches] == expected
    assert [item for batch in batches for item in batch] == list(range(count))


def test_batched_is_lazy() -> None:
    source = iter(range(10))
    assert next(batched(source, 3)) == [0, 1, 2]
    assert next(source) == 3


@pytest.mark.parametrize("function", [batched, prefetched])
def test_exception_size(function) -> None:
    with pytest.raises(ValueError, match="size = 0"):
        next(function([1], 0))


@pytest.mark.parametrize("size", [1, 3, 100])
def test_prefetched(size: int) -> None:
    assert list(prefetched(range(50), size)) == list(range(50))
    assert list(prefetched([None, None], size)) == [None, None]
    assert list(prefetched([], size)) == []
    assert "prefetch" not in names()


@pytest.mark.parametrize("size", [1, 2, 5])
def test_prefetched_draws_at_most_size_ahead(size: int) -> None:
    drawn: list[int] = []

    def source() -> Iterator[int]:
        for number in range(100):
            drawn.append(number)
            yield number

    ahead = prefetched(source(), size)
    for taken in range(1, 4):
        next(ahead)
        assert settled(lambda: len(drawn), taken + size) == taken + size
    ahead.close()
    assert "prefetch" not in names()


def test_prefetched_draws_in_a_thread_of_its_own() -> None:
    threads = list(prefetched((threading.current_thread().name for _ in range(2)), 1))
    assert threads == ["prefetch"] * 2


@pytest.mark.parametrize("error", [ValueError("broken"), StopAsyncIteration("odd"), KeyboardInterrupt()])
def test_prefetched_raises_where_the_item_would_have_come(error: BaseException) -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise error

    ahead = prefetched(source(), 10)
    assert [next(ahead), next(ahead)] == [1, 2]
    with pytest.raises(type(error)) as caught:
        next(ahead)
    assert caught.value is error
    assert "prefetch" not in names()


def test_prefetched_raises_what_iter_raises() -> None:
    class Broken:
        def __iter__(self) -> Iterator[int]:
            raise OSError("no source")

    with pytest.raises(OSError, match="no source"):
        list(prefetched(Broken(), 2))


def test_prefetched_closes_its_source() -> None:
    closed: list[str] = []

    def source() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.append(threading.current_thread().name)

    ahead = prefetched(source(), 4)
    assert next(ahead) == 0
    ahead.close()
    assert closed == ["prefetch"]
    assert "prefetch" not in names()


class Threads:
    """A stage that tells which thread it runs in."""

    def __init__(self, lookahead: int, told: list[int]) -> None:
        self.lookahead = lookahead
        self.told = told

    def __call__(self, items: Iterator[str]) -> Iterator[str]:
        for item in items:
            self.told.append(threading.get_ident())
            yield item + str(self.lookahead)


def test_stages_that_look_ahead_run_in_threads_of_their_own() -> None:
    told: list[list[int]] = [[], [], [], []]
    stages = [Threads(lookahead, each) for lookahead, each in zip((0, 1, 2, 0), told, strict=True)]
    with side_by_side(iter("abc"), stages, 2) as items:
        assert list(items) == ["a0120", "b0120", "c0120"]
    first, second, third, last = (each[0] for each in told)
    assert all(set(each) == {each[0]} for each in told)
    assert first == second
    assert len({second, third, last}) == 3
    assert last == threading.get_ident()


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_stages_side_by_side_end_with_what_they_are_in(broken: int) -> None:
    """Whichever stage fails, or the loop over them all: threads are gone, and the source is free."""

    class Fails(Adds):
        lookahead = 1

        def __call__(self, items: Iterator[str]) -> Iterator[str]:
            for place, item in enumerate(items):
                if place == 5:
                    raise KeyError
                yield item

    class Passes(Adds):
        lookahead = 1

        def __call__(self, items: Iterator[str]) -> Iterator[str]:
            yield from items

    before, drawn = names(), (number for number in range(100))
    stages = [Fails("") if place == broken else Passes("") for place in range(2)]

    def loop() -> None:
        with side_by_side(drawn, stages, 3) as items:
            for place, _ in enumerate(items):
                if place == 5:
                    raise KeyError

    with pytest.raises(KeyError):
        loop()
    assert names() == before
    drawn.close()  # fails while a thread draws from it
