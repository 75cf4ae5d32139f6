package guesttest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"saggar.local/guest/internal/abi"
)

// store is the key-value store of a fake host: it grants everything, and nothing in it expires.
type store struct {
	entries map[string]abi.KVEntry
	last    uint64
}

// SetKV sets the value of a key of the key-value store.
func (host *Host) SetKV(key string, value any) error {
	bytes, err := json.Marshal(value)
	if err == nil {
		host.kv.put(key, abi.KVEntry{Value: string(bytes)})
	}
	return err
}

// KV returns the value of a key of the key-value store as JSON; empty if there is none.
func (host *Host) KV(key string) string { return host.kv.entries[key].Value }

func (store *store) put(key string, entry abi.KVEntry) uint64 {
	if store.entries == nil {
		store.entries = map[string]abi.KVEntry{}
	}
	store.last++
	entry.Version = store.last
	store.entries[key] = entry
	return store.last
}

func entry(value string, ttlMs uint64) abi.KVEntry {
	return abi.KVEntry{Value: value, ExpiresInMs: ttlMs, Expires: ttlMs > 0}
}

func (fake fake) KVGet(key string) (abi.KVEntry, *abi.Problem) { return fake.host.kv.entries[key], nil }

func (fake fake) KVSet(key, value string, ttlMs uint64) (uint64, *abi.Problem) {
	return fake.host.kv.put(key, entry(value, ttlMs)), nil
}

func (fake fake) KVSwap(key string, expected uint64, value string, ttlMs uint64) (uint64, *abi.Problem) {
	if fake.host.kv.entries[key].Version != expected {
		return 0, nil
	}
	return fake.host.kv.put(key, entry(value, ttlMs)), nil
}

func (fake fake) KVIncrement(key string, by int64, ttlMs uint64) (int64, *abi.Problem) {
	before, found := fake.host.kv.entries[key]
	if !found {
		before = entry("0", ttlMs)
	}
	number, err := strconv.ParseInt(before.Value, 10, 64)
	if err != nil {
		return 0, &abi.Problem{Code: "not-a-number", Message: fmt.Sprintf("the value of `%s` is not a whole number", key)}
	}
	sum := number + by
	if (sum > number) != (by > 0) && by != 0 {
		return 0, &abi.Problem{Code: "overflow", Message: fmt.Sprintf("%d incremented by %d is out of range", number, by)}
	}
	before.Value = strconv.FormatInt(sum, 10)
	fake.host.kv.put(key, before)
	return sum, nil
}

func (fake fake) KVRemove(key string, expected uint64) (bool, *abi.Problem) {
	before, found := fake.host.kv.entries[key]
	if !found || expected > 0 && before.Version != expected {
		return false, nil
	}
	delete(fake.host.kv.entries, key)
	return true, nil
}

func (fake fake) KVKeys(prefix, after string, hasAfter bool, limit uint32) (abi.KVPage, *abi.Problem) {
	var page abi.KVPage
	for key := range fake.host.kv.entries {
		if strings.HasPrefix(key, prefix) && (!hasAfter || key > after) {
			page.Keys = append(page.Keys, key)
		}
	}
	slices.Sort(page.Keys)
	most := int(min(max(limit, 1), 1000))
	if len(page.Keys) > most {
		page.Keys = page.Keys[:most]
		page.Next, page.HasMore = page.Keys[most-1], true
	}
	return page, nil
}
