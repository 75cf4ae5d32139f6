package main

// The plugin in ordinary Go, with a fake host; `saggar test` calls the component itself.

import (
	"testing"

	"saggar.local/guest/guesttest"
)

func TestItGreets(t *testing.T) {
	host := guesttest.New()
	response, err := host.Process(run, "Ada")
	if err != nil || response != `"Hello, Ada!"` || host.Progress[0].Message != "greeted" {
		t.Fatal(response, err, host.Progress)
	}
}

func TestAnEmptyNameIsRejected(t *testing.T) {
	if response, err := guesttest.New().Process(run, ""); err == nil || err.Error() != "no-name: the name is empty" {
		t.Fatal(response, err)
	}
}
