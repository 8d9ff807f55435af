# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The module `_asyncio` of a virtual board whose time is simulated: tasks that look at that clock (see fast_time).

The VM's own is written in C and looks at the machine's clock. What asyncio asks of a queue and of a task is small: a
queue sorted by time that keeps the order of equals, and tasks that wait in queues.
"""

import sys

from fast_time import ticks_diff, ticks_ms


class TaskQueue:
    """Tasks by the time (ph_key) at which they run."""

    def __init__(self):
        self._tasks = []

    def peek(self):
        """The next one, or None."""
        return self._tasks[0] if self._tasks else None

    def push(self, task, key=None):
        """Put task behind all that run at that time (ticks; None: now) or earlier."""
        task.data = None
        key = ticks_ms() if key is None else key
        task.ph_key = key
        tasks = self._tasks
        at = len(tasks)
        while at and ticks_diff(tasks[at - 1].ph_key, key) > 0:
            at -= 1
        tasks.insert(at, task)

    def pop(self):
        """Take the next one out."""
        return self._tasks.pop(0)

    def remove(self, task):
        """Take task out, wherever it is."""
        self._tasks.remove(task)


class Task:
    """state: True while it runs and nobody waits for it, then the TaskQueue of who waits, or a callback; False or None
    when it has ended. data: what it waits for or has to be told, and in the end what it ended with."""

    def __init__(self, coro, globals=None):
        self.coro = coro
        self.data = None
        self.state = True
        self.ph_key = 0

    def __iter__(self):
        if not self.state:
            self.state = False  # its end has been seen
        elif self.state is True:
            self.state = TaskQueue()
        elif not isinstance(self.state, TaskQueue):
            raise RuntimeError("can't wait")
        return self

    def __next__(self):
        if self.state:
            waiting = sys.modules["asyncio.core"].cur_task
            self.state.push(waiting)
            waiting.data = self
            return None
        if self.data is None:
            raise StopIteration
        raise self.data

    def done(self):
        """True when it has ended."""
        return not self.state

    def cancel(self):
        """Wake it, or what it waits for in the end, with CancelledError; False when it has ended."""
        core = sys.modules["asyncio.core"]
        if not self.state:
            return False
        if self is core.cur_task:
            raise RuntimeError("can't cancel self")
        task = self
        while isinstance(task.data, Task):
            task = task.data
        if hasattr(task.data, "remove"):  # in a queue of its own: a lock, an event, a stream
            task.data.remove(task)
            core._task_queue.push(task)
        elif ticks_diff(task.ph_key, ticks_ms()) > 0:
            core._task_queue.remove(task)
            core._task_queue.push(task)
        task.data = core.CancelledError
        return True
