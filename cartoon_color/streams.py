"""Streams of frames: the contract of a stage, and the plumbing between stages.

A stage is a callable from an iterator of frames to an iterator of frames. It keeps number, order, time stamps and
luma, and may hold back at most `lookahead` frames. State resets at a cut (`frame.shot` changes).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from typing import Protocol, TypeVar

from cartoon_color.frames import Frame

T = TypeVar("T")


class Stage(Protocol):
    """One step between reading and writing."""

    lookahead: int
    """The most frames that the stage holds back."""

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The same frames, with something added."""
        ...


def chain(frames: Iterator[Frame], stages: Iterable[Stage]) -> Iterator[Frame]:
    """Pass `frames` through `stages`, the first one first."""
    for stage in stages:
        frames = stage(frames)
    return frames


@contextmanager
def side_by_side(frames: Iterator[Frame], stages: Sequence[Stage], size: int) -> Iterator[Iterator[Frame]]:
    """Pass `frames` through `stages`, each that looks ahead in a thread of its own with those before it, at most `size`
    frames before the next one. However it ends, the threads are waited for."""
    with ExitStack() as stack:
        for stage in stages:
            frames = stage(frames)
            if stage.lookahead:
                frames = stack.enter_context(closing(prefetched(frames, size)))
        yield frames


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items; the last one may be shorter."""
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size = }")
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def prefetched(items: Iterable[T], size: int) -> Generator[T, None, None]:
    """Draw `items` in a thread of its own, at most `size` ahead.

    An exception in the thread is raised where the item would have come. Closing the generator stops the thread.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size = }")
    waiting: queue.SimpleQueue[tuple[T | None, BaseException | None, bool]] = queue.SimpleQueue()
    allowed = threading.Semaphore(size)
    stopped = threading.Event()

    def draw() -> None:
        iterator = iter(items)
        try:
            while allowed.acquire() and not stopped.is_set():
                try:
                    item = next(iterator)
                except StopIteration:
                    break
                waiting.put((item, None, False))
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    def work() -> None:
        try:
            draw()
        except BaseException as error:
            waiting.put((None, error, True))
        else:
            waiting.put((None, None, True))

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error, last = waiting.get()
            if error is not None:
                raise error
            if last:
                return
            allowed.release()
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        allowed.release()
        thread.join()
