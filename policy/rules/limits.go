package rules

import (
	"errors"

	"github.com/runward/runward/policy"
)

// positive refuses bounds of 0 and less, which runtimes take for no limit.
func positive[T policy.Unit[T]](rule string, most policy.Max[T], otherwise policy.Default[T]) error {
	if most.Set && most.Value <= 0 {
		return errors.New(rule + ".max: want more than 0, found " + most.Value.String())
	}
	if otherwise.Set && otherwise.Value <= 0 {
		return errors.New(rule + ".default: want more than 0, found " + otherwise.Value.String())
	}
	return nil
}

// lower returns the smaller of a ceiling and a maximum; nil is no ceiling.
func lower[T policy.Unit[T]](have *int64, most policy.Max[T]) *int64 {
	if !most.Set || have != nil && *have <= int64(most.Value) {
		return have
	}
	v := int64(most.Value)
	return &v
}

// startValue is what a container without a limit gets: the default clamped to
// the maximum, or the maximum. It is not ok where the settings have neither.
func startValue[T policy.Unit[T]](most policy.Max[T], otherwise policy.Default[T]) (T, bool) {
	switch {
	case otherwise.Set && most.Set:
		return min(otherwise.Value, most.Value), true
	case otherwise.Set:
		return otherwise.Value, true
	default:
		return most.Value, most.Set
	}
}
