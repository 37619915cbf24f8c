"""The protocol of `cargo xtask bench`, for peers in Python.

A contender prints `ready key=value ...` once, then answers each line of its standard input: `check`
with the losses of a few steps from fixed weights, `round` with the seconds of one unit of its work,
followed by key=value pairs that the table shows. It ends with its standard input.
"""

import os
import sys
import time

# Libraries may print what they like: the answers go where standard output was, the rest to stderr.
_answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def say(*words):
    print(*words, file=_answers, flush=True)


def pairs(values):
    return " ".join(f"{key}={str(value).replace(' ', '-')}" for key, value in values.items())


def compete(about, run_round, run_check=None):
    """Answers until the end of the input. `run_round()` gives seconds and a dict of what else to
    show, `run_check()` a list of numbers."""
    say("ready", pairs(about))
    for line in sys.stdin:
        request = line.strip()
        if request == "round":
            seconds, more = run_round()
            say(repr(seconds), pairs(more))
        elif request == "check" and run_check:
            say(*(repr(value) for value in run_check()))
        else:
            sys.exit(f"cannot answer `{request}`")


def timed(work):
    """The seconds that `work()` takes, and what it gives."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
