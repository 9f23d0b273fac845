package main

import "testing"

// Strings of a program lie one beside the other: only a whole mark counts.
func TestStamped(t *testing.T) {
	for text, want := range map[string]string{
		"": "unknown", "runward-version:": "unknown", "xrunward-version:1.2.3;y": "1.2.3",
		"runward-version:is what it says; runward-version:1.2.3-rc.1;": "1.2.3-rc.1",
		"runward-version:;runward-version:dev;":                        "dev",
		"runward-version:1.2.3":                                        "unknown",
	} {
		if got := stamped([]byte(text)); got != want {
			t.Errorf("%q: found %q, want %q", text, got, want)
		}
	}
}
