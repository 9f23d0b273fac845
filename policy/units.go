package policy

import (
	"errors"
	"strconv"
	"strings"
)

// Bytes is an amount of memory or storage: 536870912, "512MiB", "1.5GiB", "2GB".
type Bytes int64

// FromTOML reads a whole number of bytes, or a string with a unit.
func (Bytes) FromTOML(v any) (Bytes, error) {
	switch v := v.(type) {
	case int64:
		if v < 0 {
			return 0, errors.New("want a size of 0 or more")
		}
		return Bytes(v), nil
	case string:
		return parseBytes(v)
	}
	return 0, errors.New(`want a size such as 536870912 or "512MiB"`)
}

var sizeUnits = [...]struct {
	suffix string
	factor float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"Ki", 1 << 10},
	{"Mi", 1 << 20},
	{"Gi", 1 << 30},
	{"Ti", 1 << 40},
	{"B", 1},
}

func parseBytes(s string) (Bytes, error) {
	number, factor := s, 1.0
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			number, factor = strings.TrimSpace(rest), u.factor
			break
		}
	}
	if whole, err := strconv.ParseInt(number, 10, 64); err == nil && whole >= 0 && float64(whole)*factor < 1<<62 {
		return Bytes(whole * int64(factor)), nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f < 0 || !(f*factor < 1<<62) {
		return 0, errors.New("want a size such as 536870912 or \"512MiB\", found " + strconv.Quote(s))
	}
	return Bytes(f * factor), nil
}

func (b Bytes) String() string {
	for _, u := range sizeUnits[:4] {
		if n := int64(u.factor); int64(b) >= n && int64(b) < n<<10 && int64(b)%n == 0 {
			return strconv.FormatInt(int64(b)/n, 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// Count is a plain number.
type Count int64

// FromTOML reads a whole number.
func (Count) FromTOML(v any) (Count, error) {
	if n, ok := v.(int64); ok {
		return Count(n), nil
	}
	return 0, errors.New("want a whole number")
}

func (c Count) String() string { return strconv.FormatInt(int64(c), 10) }

// CPUs is processor time, in thousandths of a processor: 2, 1.5, "500m".
type CPUs int64

// FromTOML reads a number of processors, or a string of thousandths.
func (CPUs) FromTOML(v any) (CPUs, error) {
	switch v := v.(type) {
	case int64:
		if v >= 0 && v < 1<<40 {
			return CPUs(v * 1000), nil
		}
	case float64:
		if v >= 0 && v < 1<<40 {
			return CPUs(v*1000 + 0.5), nil
		}
	case string:
		if n, err := strconv.ParseInt(strings.TrimSuffix(v, "m"), 10, 64); err == nil && n >= 0 && strings.HasSuffix(v, "m") {
			return CPUs(n), nil
		}
	}
	return 0, errors.New(`want processors such as 2, 1.5 or "500m"`)
}

func (c CPUs) String() string {
	return strconv.FormatFloat(float64(c)/1000, 'f', -1, 64)
}

// PageSize reads the size of a page as the kernel writes it, 64KB, 2MB or 1GB,
// which count in powers of two; 0: it is none.
func PageSize(s string) uint64 {
	for i, unit := range [...]string{"KB", "MB", "GB"} {
		number, ok := strings.CutSuffix(s, unit)
		n, err := strconv.ParseUint(number, 10, 20)
		if ok && err == nil && number == strconv.FormatUint(n, 10) {
			return n << (10 * (i + 1))
		}
	}
	return 0
}
