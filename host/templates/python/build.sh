#!/bin/sh
# Makes the component {{name}}.wasm of app.py.
set -eu
cd "$(dirname "$0")"
componentize=.venv/bin/componentize-py
[ -x "$componentize" ] || componentize=componentize-py
"$componentize" --wit-path wit --world guest componentize app --output {{name}}.wasm
