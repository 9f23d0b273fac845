package lib

import (
	"os"
	"testing"
	"time"
)

func init() {}

func TestSleeps(t *testing.T) {
	time.Sleep(time.Second) // want "time.Sleep: it is too short"
	_ = os.WriteFile("x", nil, 0)
	panic("a test may")
}
