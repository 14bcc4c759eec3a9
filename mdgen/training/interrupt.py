"""Stop a long loop between two steps instead of in the middle of one."""

import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class InterruptGuard:
    """Context in which the first Ctrl-C or SIGTERM sets `requested` and the second raises KeyboardInterrupt.

    The loop looks at `requested` after each step, saves and leaves. On exit the earlier handlers return.
    Outside the main thread, where Python does not deliver signals, it does nothing.
    """

    def __init__(self):
        self.requested = False
        self.previous = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self.previous = {number: signal.signal(number, self.handle) for number in SIGNALS}
        return self

    def __exit__(self, *_):
        for number, handler in self.previous.items():
            # None stands for a handler that was not installed from Python and cannot be put back
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self.previous = {}

    def handle(self, number, frame) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
