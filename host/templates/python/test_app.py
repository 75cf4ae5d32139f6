"""The plugin in ordinary Python, with a fake host; `saggar test` calls the component itself."""

import unittest

from saggar_guest import Reject
from saggar_guest.testing import FakeHost

from app import run


class Greeting(unittest.TestCase):
    def test_it_greets(self) -> None:
        host = FakeHost()
        self.assertEqual(host.process(run, "Ada"), "Hello, Ada!")
        self.assertEqual(host.progress[0].message, "greeted")

    def test_an_empty_name_is_rejected(self) -> None:
        with self.assertRaises(Reject) as raised:
            FakeHost().process(run, "")
        self.assertEqual(raised.exception.code, "no-name")


if __name__ == "__main__":
    unittest.main()
