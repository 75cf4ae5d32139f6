package guesttest_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"saggar.local/guest"
	"saggar.local/guest/guesttest"
	"saggar.local/guest/kv"
)

func in(t *testing.T, host *guesttest.Host, run func() error) {
	t.Helper()
	if err := host.Call("", func(guest.Job) error { return run() }); err != nil {
		t.Fatal(err)
	}
}

func codeOf(err error) string {
	var problem *guest.Problem
	if errors.As(err, &problem) {
		return problem.Code
	}
	return "none"
}

func TestValuesAreKeptBetweenCalls(t *testing.T) {
	host := guesttest.New()
	if err := host.SetKV("config", map[string]int{"limit": 3}); err != nil {
		t.Fatal(err)
	}
	in(t, host, func() error {
		config, found, err := kv.Get[map[string]int]("config")
		if !found || config["limit"] != 3 || err != nil {
			t.Error(config, found, err)
		}
		if _, found, err := kv.Get[int]("nothing"); found || err != nil {
			t.Error(found, err)
		}
		version, err := kv.SetFor("a", []int{1, 2}, time.Minute)
		entry, _, failed := kv.Find[[]int]("a")
		if err != nil || failed != nil || entry.Version != version || entry.ExpiresIn != time.Minute || !slices.Equal(entry.Value, []int{1, 2}) {
			t.Error(entry, version, err, failed)
		}
		if swapped, err := kv.Swap("a", 0, "x", 0); swapped != 0 || err != nil {
			t.Error(swapped, err)
		}
		if swapped, err := kv.Swap("a", version, "x", 0); swapped <= version || err != nil {
			t.Error(swapped, err)
		}
		if removed, err := kv.RemoveVersion("a", version); removed || err != nil {
			t.Error(removed, err)
		}
		sum, err := kv.Increment("n", -2)
		if sum != -2 {
			t.Error(sum)
		}
		return err
	})
	in(t, host, func() error {
		double, err := kv.Update("n", func(n int) (int, error) { return 2 * n, nil })
		if double != -4 || err != nil {
			t.Error(double, err)
		}
		keys, err := kv.Keys("")
		if !slices.Equal(keys, []string{"a", "config", "n"}) || err != nil {
			t.Error(keys, err)
		}
		after := "a"
		page, err := kv.Pages("", &after, 1)
		if !slices.Equal(page.Keys, []string{"config"}) || page.Next != "config" || !page.HasMore || err != nil {
			t.Error(page, err)
		}
		removed, err := kv.Remove("a")
		if !removed {
			t.Error("it was there")
		}
		return err
	})
	if host.KV("n") != "-4" || host.KV("a") != "" {
		t.Error(host.KV("n"), host.KV("a"))
	}
}

func TestWhatJSONAndNumbersCannotHoldIsAnError(t *testing.T) {
	in(t, guesttest.New(), func() error {
		if _, err := kv.SetBytes("bytes", []byte{255}, 0); err != nil {
			return err
		}
		if _, err := kv.Set("large", int64(math.MaxInt64)); err != nil {
			return err
		}
		_, _, invalid := kv.Get[string]("bytes")
		_, unknown := kv.Set("a", func() {})
		_, noNumber := kv.Increment("bytes", 1)
		_, overflow := kv.Increment("large", 1)
		codes := []string{codeOf(invalid), codeOf(unknown), codeOf(noNumber), codeOf(overflow)}
		if !slices.Equal(codes, []string{"invalid-value", "invalid-value", "not-a-number", "overflow"}) {
			t.Error(codes)
		}
		return nil
	})
}
