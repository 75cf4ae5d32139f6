"""The key-value store."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from saggar_guest import Problem, kv
from saggar_guest.kv import Entry, Page
from saggar_guest.testing import FakeHost


def test_values_are_kept_between_calls() -> None:
    def first(job: object) -> None:
        assert kv.get("config") == {"limit": 3, "text": "α\U0001f600"}
        assert kv.get("nothing", 7) == 7 and kv.entry("nothing") is None
        version = kv.set("a", [1, 2], ttl=0.05)
        assert kv.entry("a") == Entry([1, 2], version, timedelta(milliseconds=50))
        assert kv.swap("a", None, "x") is None
        assert kv.swap("a", version, "x") is not None
        assert not kv.remove("a", version=version)
        assert [kv.increment("n"), kv.increment("n", -3)] == [1, -2]

    def second(job: object) -> None:
        assert kv.update("n", lambda n: n * 2) == -4
        assert list(kv.keys()) == ["a", "config", "n"]
        assert kv.page(after="a", limit=1) == Page(["config"], "config")
        assert [kv.remove("a"), kv.remove("a")] == [True, False]
        kv.set_bytes("bytes", b"\x00\xff")
        entry = kv.get_bytes("bytes")
        assert entry is not None and entry.value == b"\x00\xff"

    host = FakeHost().kv_value("config", {"limit": 3, "text": "α\U0001f600"})
    host.process(first)
    host.process(second)
    assert (host.kv("n"), host.kv("a")) == (-4, None)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(Problem) as raised:
        call()
    return raised.value.code


def test_what_json_and_numbers_cannot_hold_is_an_error() -> None:
    def all_of_them(job: object) -> None:
        kv.set_bytes("bytes", b"\xff")
        kv.set("large", 2**63 - 1)
        kv.set_bytes("nested", b"[" * 100_000)
        assert code_of(lambda: kv.get("bytes")) == "invalid-value"
        assert code_of(lambda: kv.get("nested")) == "invalid-value"
        assert code_of(lambda: kv.set("a", object())) == "invalid-value"
        assert code_of(lambda: kv.increment("bytes")) == "not-a-number"
        assert code_of(lambda: kv.increment("large")) == "overflow"
        with pytest.raises(ValueError, match="negative"):
            kv.set("a", 1, ttl=-1)

    FakeHost().process(all_of_them)
