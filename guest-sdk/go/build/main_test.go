package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestTheRuntimeOfThisGoIsKnown(t *testing.T) {
	files, err := changed(filepath.Join(runtime.GOROOT(), "src", "runtime"))
	if err != nil {
		t.Fatal(err)
	}
	for name, line := range map[string]string{"mem_sbrk.go": "skipForeign()", "os_wasip1.go": "!isClockStopped"} {
		if !strings.Contains(files[name], line) {
			t.Fatalf("%s has no %s", name, line)
		}
	}
}

func TestAnotherRuntimeIsRefused(t *testing.T) {
	folder := t.TempDir()
	if _, err := changed(folder); err == nil || !strings.Contains(err.Error(), "the sources of Go are needed") {
		t.Fatal(err)
	}
	for _, name := range []string{"mem_wasm.go", "mem_sbrk.go", "os_wasip1.go"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(strings.Join(expected, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := changed(folder); err != errUnknown {
		t.Fatal(err)
	}
}
