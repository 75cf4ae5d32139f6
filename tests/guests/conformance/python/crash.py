"""A plugin without the SDK: nothing catches what it raises. The argument is a part of the message."""

import json


class Processor:
    def process(self, id: int, args: str) -> str:
        [word] = json.loads(args)
        raise TypeError(f"cannot handle {word}")
