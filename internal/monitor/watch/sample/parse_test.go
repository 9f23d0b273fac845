package sample

import (
	"reflect"
	"testing"
	"time"
)

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		text string
		n    uint64
		ok   bool
	}{
		{"0\n", 0, true},
		{"18446744073709551600", 18446744073709551600, true},
		{"max\n", 0, true},
		{"", 0, false},
		{"-1", 0, false},
		{"1 2", 0, false},
		{"0x1", 0, false},
		{"18446744073709551616", 0, false},
	} {
		if n, ok := number([]byte(c.text)); n != c.n && c.ok || ok != c.ok {
			t.Errorf("%q: %d, %v", c.text, n, ok)
		}
	}
}

func TestLimit(t *testing.T) {
	for text, want := range map[string]uint64{"67108864\n": 67108864, "max\n": 0, "-1\n": 0, "9223372036854771712\n": 0, "9223372036854710272": 0} {
		if n, ok := limit([]byte(text)); n != want || !ok {
			t.Errorf("%q: %d, %v, want %d", text, n, ok, want)
		}
	}
	if quota, period, ok := pair([]byte("50000 100000\n")); quota != 50000 || period != 100000 || !ok || thousandths(quota, period) != 500 {
		t.Errorf("%d %d %v", quota, period, ok)
	}
	if quota, period, ok := pair([]byte("max 100000\n")); quota != 0 || period != 100000 || !ok || thousandths(quota, period) != 0 {
		t.Errorf("%d %d %v", quota, period, ok)
	}
}

func TestPressure(t *testing.T) {
	got, ok := pressure([]byte("some avg10=1.50 avg60=12.34 avg300=0.07 total=1234567\nfull avg10=0.00 avg60=100.00 avg300=0.00 total=3\n"))
	want := Pressure{Stall{1.5, 12.34, 0.07, 1234567 * time.Microsecond}, Stall{0, 100, 0, 3 * time.Microsecond}}
	if !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	if _, ok := pressure([]byte("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")); !ok { // before 5.13
		t.Error("a file without full is refused")
	}
	for _, bad := range []string{"", "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", "some avg10=1.5 total=1\n", "some avg10=x.00 total=1\n", "some\n", "some avg10=1.00\n"} {
		if _, ok := pressure([]byte(bad)); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestDisk(t *testing.T) {
	got, ok := ioStat([]byte("254:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=x\n"))
	if want := (Disk{11, 22, 4, 6}); !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	if _, ok := ioStat(nil); !ok {
		t.Error("an empty io.stat is refused")
	}
	if _, ok := ioStat([]byte("8:0 rbytes=x\n")); ok {
		t.Error("letters are taken")
	}
	read, written, ok := throttle([]byte("8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 1\n8:16 Read 1\nTotal 12289\n"))
	if read != 4097 || written != 8192 || !ok {
		t.Errorf("%d, %d, %v", read, written, ok)
	}
}

const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       2    0    0    0     0          0         0      100       2    0    0    0     0       0          0
  eth0:    1000      10    1    2    0     0          0         0     2000      20    3    4    0     0       0          0
eth0:1:12345678901234       1    0    0    0     0          0         0        1       1    0    0    0     0       0          0
`

func TestInterfaces(t *testing.T) {
	got, ok := interfaces([]byte(netDev), nil)
	want := []Interface{{"eth0", Traffic{1000, 10, 1, 2, 2000, 20, 3, 4}}, {"eth0:1", Traffic{12345678901234, 1, 0, 0, 1, 1, 0, 0}}}
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, ok)
	}
	for _, bad := range []string{"x\n", netDev + "eth1: 1 2 3\n", netDev + "nothing\n"} {
		if _, ok := interfaces([]byte(bad), nil); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

// Whatever a file holds, it is read to its end without a panic, and the parsers
// allocate nothing but the names of interfaces.
func FuzzParsers(f *testing.F) {
	for _, text := range []string{
		netDev, "some avg10=1.50 avg60=12.34 avg300=0.07 total=1234567\n", "8:0 rbytes=1 wbytes=2\n", "8:0 Read 1\nTotal 1\n",
		"usage_usec 1\nnr_periods 2\n", "max 100000\n", "0::/a/b\n4:memory:/c\n",
		"31 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keyed(text, func([]byte, uint64) {})
		pair(text)
		if p, ok := pressure(text); ok && (p.Some.Avg10 < 0 || p.Some.Avg10 > 101 || p.Some.Total < 0) {
			t.Errorf("%+v", p)
		}
		ioStat(text)
		throttle(text)
		interfaces(text, nil)
		for _, h := range append(hierarchies(text), hierarchy{"", "/sys"}) {
			if dir := dirOf(h, text, "b"); dir != "" && dir[:len(h.dir)] != h.dir {
				t.Errorf("%q is not in %q", dir, h.dir)
			}
		}
	})
}
