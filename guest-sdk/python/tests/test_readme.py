"""The code in the README works."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from saggar_guest import Job, Problem, kv, tasks
from saggar_guest.testing import FakeHost

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def module(name: str, code: str) -> ModuleType:
    made = ModuleType(name)
    exec(compile(code, f"README.md, {name}", "exec"), made.__dict__)
    return made


def test_the_first_plugin_and_its_test(monkeypatch: pytest.MonkeyPatch) -> None:
    app = module("app", BLOCKS[0])
    assert FakeHost().process(app.thumbnail, "a.png", 9) == {"url": "a.png", "width": 9}
    monkeypatch.setitem(sys.modules, "app", app)
    module("test_app", BLOCKS[4]).test_it_reports_progress()


def test_a_plugin_with_all_roles() -> None:
    mail = module("mail", BLOCKS[1])
    host = FakeHost()
    assert host.process(mail.send, "ada") == "ada"
    assert host.process(mail.send_all, ["ada", "bob"]) == 2
    assert host.next_id(mail.next_mail) is None
    host.on_add(mail.added)
    host.on_progress(mail.moved, 1, 2, "half")
    host.on_success(mail.sent, "ada")
    host.on_error(mail.failed, Problem("c", "m"))
    assert [line.message for line in host.log_lines] == ["attempt 1 of 1", "added #1", "#1: 1/2", "sent #1: ada"]
    assert [(job.task, job.args) for job in host.added] == [("mail.archive", [1, "ada"]), ("mail.complain", [1, "m"])]


def test_adding_jobs() -> None:
    host = FakeHost()
    host.process(lambda job: exec(BLOCKS[2], {"job": job, "tasks": tasks, "Job": Job}))
    assert [job.task for job in host.added] == ["mail.archive", "mail.remind", "mail.send"]


def test_keeping_values() -> None:
    values: dict[str, object] = {"kv": kv}
    FakeHost().process(lambda job: exec(BLOCKS[3], values))
    assert (values["user"], values["visits"]) == ({"name": "Ada"}, 1)
