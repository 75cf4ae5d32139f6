// Command build builds a plugin as a core module of WebAssembly, of which `saggar component` makes a component:
//
//	go run saggar.local/guest/build -o thumbnail.core.wasm .
//
// It is `go build -buildmode=c-shared` for wasip1, with two changes in Go's runtime:
//
//   - Go's allocator believes that it alone grows the memory: it takes what follows its last page without asking where the
//     grown pages are. In a component the adapter of WASI grows the memory, too, while the runtime starts, and its state would
//     become part of Go's heap.
//   - While the host allocates memory in a component, the component must not call the host. Allocating can start Go's
//     collector, which asks for the time. It gets the last one then.
package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// growing is the runtime's mem_wasm.go that skips what others have added. Its name does not end in .go, so that it is not
// compiled here.
//
//go:embed mem_wasm.go.txt
var growing []byte

// edit is a change of a file: `before` occurs once in it.
type edit struct{ file, before, after string }

var edits = []edit{
	{
		"mem_sbrk.go",
		"\t\tp = alignUp(bloc, align)\n\t\tr := sbrk(p + size - bloc)\n",
		"\t\tskipForeign()\n\t\tp = alignUp(bloc, align)\n\t\tr := sbrk(p + size - bloc)\n",
	},
	{
		"os_wasip1.go",
		"\tvar time timestamp\n\tif clock_time_get(clockRealtime,",
		"\ttime := lastWalltime\n\tif !isClockStopped && clock_time_get(clockRealtime,",
	},
	{
		"os_wasip1.go",
		"\treturn int64(time / 1000000000), int32(time % 1000000000)\n",
		"\tlastWalltime = time\n\treturn int64(time / 1000000000), int32(time % 1000000000)\n",
	},
	{
		"os_wasip1.go",
		"\tvar time timestamp\n\tif clock_time_get(clockMonotonic,",
		"\ttime := timestamp(lastNanotime)\n\tif !isClockStopped && clock_time_get(clockMonotonic,",
	},
	{
		"os_wasip1.go",
		"\treturn int64(time)\n",
		"\tlastNanotime = int64(time)\n\treturn int64(time)\n",
	},
}

// expected are the lines of the original mem_wasm.go that the new one relies on.
var expected = []string{
	"func sbrk(n uintptr) unsafe.Pointer {",
	"func growMemory(pages int32) int32",
	"func currentMemory() int32",
}

func main() {
	output := flag.String("o", "plugin.core.wasm", "the core module")
	flag.Parse()
	if flag.NArg() > 1 {
		fmt.Fprintln(os.Stderr, "usage: go run saggar.local/guest/build [-o FILE] [PACKAGE]")
		os.Exit(2)
	}
	if err := build(*output, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func build(output, pkg string) error {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("`go env GOROOT` failed: %w", err)
	}
	runtime := filepath.Join(strings.TrimSpace(string(root)), "src", "runtime")
	folder, err := os.MkdirTemp("", "saggar-go-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	overlay, err := writeOverlay(folder, runtime)
	if err != nil {
		return err
	}
	arguments := []string{"build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-tags=saggar_build", "-overlay", overlay, "-o", output}
	if pkg != "" {
		arguments = append(arguments, pkg)
	}
	command := exec.Command("go", arguments...)
	command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	return command.Run()
}

var errUnknown = errors.New("this version of Go has another runtime; use one that the SDK knows, such as 1.27")

// writeOverlay writes what `go build -overlay` reads. It refuses a version of Go whose runtime is another one.
func writeOverlay(folder, runtime string) (string, error) {
	files, err := changed(runtime)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range files {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(runtime, name)] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(folder, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o600)
}

// changed returns the files of the runtime that are replaced.
func changed(runtime string) (map[string]string, error) {
	files := map[string]string{}
	for _, name := range []string{"mem_wasm.go", "mem_sbrk.go", "os_wasip1.go"} {
		text, err := os.ReadFile(filepath.Join(runtime, name))
		if err != nil {
			return nil, fmt.Errorf("the sources of Go are needed: %w", err)
		}
		files[name] = string(text)
	}
	for _, line := range expected {
		if !strings.Contains(files["mem_wasm.go"], line) {
			return nil, errUnknown
		}
	}
	files["mem_wasm.go"] = string(growing)
	for _, edit := range edits {
		if strings.Count(files[edit.file], edit.before) != 1 {
			return nil, errUnknown
		}
		files[edit.file] = strings.Replace(files[edit.file], edit.before, edit.after, 1)
	}
	return files, nil
}
