// Package libtest serves tests.
package libtest

import (
	"os"
	"time"
)

func Wait() {
	time.Sleep(time.Second) // want "time.Sleep: it is too short"
	_ = os.WriteFile("x", nil, 0)
}
