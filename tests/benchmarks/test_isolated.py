"""A measurement that fails, dies or hangs costs itself alone."""

from __future__ import annotations

import os
import time
from typing import Any

from benchmarks.isolated import isolated


def measure(what: str) -> dict[str, Any]:
    if what == "fails":
        raise ValueError("in this way\nand more")
    if what == "dies":
        os._exit(7)
    if what == "hangs":
        time.sleep(600)
    return {"process": os.getpid()}


def test_the_others_go_on_in_a_new_process() -> None:
    cases = [(what,) for what in ("a", "b", "fails", "c", "dies", "d")]
    found = list(isolated(measure, cases, limit=300))
    assert [case for case, _ in found] == cases
    rows = {case: row for (case,), row in found}
    assert [rows[name]["error"] for name in ("fails", "dies")] == [
        "ValueError: in this way",
        "its process ended with 7",
    ]
    processes = [rows[name]["process"] for name in "abcd"]
    assert processes[0] == processes[1] and len({*processes}) == 3 and os.getpid() not in processes


def test_one_that_hangs_is_given_up() -> None:
    assert list(isolated(measure, [("hangs",)], limit=2)) == [(("hangs",), {"error": "more than 2 s"})]
