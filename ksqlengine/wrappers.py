"""Make JPype's first use of a Java class safe where threads do it at the same moment.

JPype (to 1.7.1 at least) makes the Python class of a Java class when it first meets it, and gives it its conversions
(`_hints`) in a Python function, after other threads can find it. When Python passes from thread to thread just there,
which it may where a function begins, and the other thread passes an argument of that class, the process dies of a
segmentation fault in `JPHintsConversion::matches`. A server whose threads meet hundreds of classes in its first seconds
does so once in some dozens of starts on a busy machine.

So our function for this does first what must be done, without a place at which threads can change: its `RESUME` is
marked as that of a coroutine that goes on, at which CPython does not look whether another thread wants to run.
"""

from __future__ import annotations

import dis
from typing import Any

import _jpype
import jpype

_NO_CHANGE_OF_THREADS = 3  # RESUME's argument after an await


def make_safe() -> None:
    """Replace JPype's function before the JVM starts; where Python or JPype are others than known it stays."""
    resume = dis.opmap.get("RESUME")
    hints_of = getattr(_jpype, "_hints", None)
    if resume is None or hints_of is None or not hasattr(_jpype, "_jclassPost"):
        return

    def complete(wrapper: Any, *_: object) -> None:
        hints = hints_of[wrapper.__name__]  # _jclassPre has made them
        wrapper._hints = hints
        _finish(wrapper, hints)

    code = bytearray(complete.__code__.co_code)
    at = next(i for i in range(0, len(code), 2) if code[i] == resume)
    code[at + 1] = _NO_CHANGE_OF_THREADS
    complete.__code__ = complete.__code__.replace(co_code=bytes(code))
    _jpype._jclassPost = complete


def _finish(wrapper: Any, hints: Any) -> None:
    """Do the rest of what JPype's own function does: initialisers, and public inner classes as attributes."""
    hints.applyInitializer(wrapper)
    if _jpype._java_lang_Class:
        for inner in wrapper.class_.getDeclaredClasses():
            if inner.getModifiers() & 1:
                wrapper._customize(str(inner.getSimpleName()), jpype.JClass(inner))
