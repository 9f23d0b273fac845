package alert

import (
	"errors"
	"strconv"
	"time"
)

// A Duration is one of runward.toml: a string such as "90s", "5m" or "12h".
type Duration time.Duration

// UnmarshalTOML reads it.
func (d *Duration) UnmarshalTOML(v any) error {
	text, ok := v.(string)
	if !ok {
		return errors.New(`want a duration such as "5m"`)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil || parsed < 0 {
		return errors.New(`want a duration such as "90s", "5m" or "12h", found ` + strconv.Quote(text))
	}
	*d = Duration(parsed)
	return nil
}

func (d Duration) String() string { return time.Duration(d).String() }

// A Number is one of runward.toml that need not be whole.
type Number float64

// UnmarshalTOML reads it.
func (n *Number) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case int64:
		*n = Number(v)
	case float64:
		*n = Number(v)
	default:
		return errors.New("want a number")
	}
	if !(*n >= 0 && *n < 1e18) {
		return errors.New("want a number from 0 on")
	}
	return nil
}
