#!/bin/sh
# Makes the component {{name}}.wasm. CC names a compiler for wasm32-wasi; by default it is zig, from the PATH or from the
# Python package `ziglang`.
set -eu
cd "$(dirname "$0")"
if [ -z "${CC:-}" ]; then
    if command -v zig > /dev/null; then
        CC="zig cc -target wasm32-wasi-musl"
    elif python3 -c 'import ziglang' 2> /dev/null; then
        CC="python3 -m ziglang cc -target wasm32-wasi-musl"
    elif [ -x .venv/bin/python ]; then
        CC=".venv/bin/python -m ziglang cc -target wasm32-wasi-musl"
    else
        echo "no compiler found: install zig, or run: python3 -m venv .venv && .venv/bin/pip install ziglang" >&2
        echo "or set CC, for example to: clang --target=wasm32-wasi --sysroot=/opt/wasi-sysroot" >&2
        exit 1
    fi
fi
# The stack is a part of the memory of each instance; zig's default is 16 MiB.
$CC -mexec-model=reactor -Os -Wall -Wextra -Wl,-z,stack-size=65536 -Wl,--strip-all \
    -o core.wasm plugin.c saggar/*.c
${SAGGAR:-saggar} component core.wasm --role processor -o {{name}}.wasm
