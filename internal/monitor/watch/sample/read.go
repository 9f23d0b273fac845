package sample

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// get reads a file that may not be there, and parses it.
func (n *Node) get(f *file, parse func([]byte) bool) (bool, error) {
	if f.path == "" {
		return false, nil
	}
	text, err := n.read(f)
	if err != nil {
		return false, err
	}
	if !parse(text) {
		n.note(f.path + " is in a form that is not known here: what it holds is not watched, of any container")
		return false, nil
	}
	return true, nil
}

func into(to *uint64) func([]byte) bool {
	return func(text []byte) (ok bool) { *to, ok = number(text); return ok }
}

func limitInto(to *uint64) func([]byte) bool {
	return func(text []byte) (ok bool) { *to, ok = limit(text); return ok }
}

func (n *Node) readMemory(s *Source, r *Sample) error {
	var inactive uint64
	m := &r.Memory
	has, err := n.get(&s.memory, into(&m.Usage))
	if err != nil {
		return err
	}
	known, err := n.get(&s.memoryStat, func(text []byte) bool {
		return keyed(text, func(key []byte, value uint64) {
			switch string(key) { // version 1 counts what is below under total_
			case "inactive_file":
				if s.v2memory {
					inactive = value
				}
			case "total_inactive_file":
				inactive = value
			case "total_swap":
				m.Swap = value
			case "hierarchical_memory_limit":
				if value < unlimited {
					m.Limit = value
				}
			}
		})
	})
	if err != nil {
		return err
	}
	if _, err = n.get(&s.memoryMax, limitInto(&m.Limit)); err != nil {
		return err
	}
	if _, err = n.get(&s.swap, into(&m.Swap)); err != nil {
		return err
	}
	if has && known {
		m.WorkingSet = m.Usage - min(m.Usage, inactive)
		r.Has |= HasMemory
	}
	counted := false // v1 before Linux 4.13 counts no kills
	if _, err = n.get(&s.oom, func(text []byte) bool {
		return keyed(text, func(key []byte, value uint64) {
			if string(key) == "oom_kill" {
				r.OOMKills, counted = value, true
			}
		})
	}); counted {
		r.Has |= HasOOM
	}
	return err
}

func (n *Node) readCPU(s *Source, r *Sample) error {
	c := &r.CPU
	var used, quota, period uint64
	throttling := false
	stat, err := n.get(&s.cpuStat, func(text []byte) bool {
		return keyed(text, func(key []byte, value uint64) {
			switch string(key) {
			case "usage_usec":
				used = value * 1000
			case "nr_periods":
				c.Periods, throttling = value, true
			case "nr_throttled":
				c.Throttled = value
			case "throttled_usec":
				c.Waited = time.Duration(value) * time.Microsecond
			case "throttled_time":
				c.Waited = time.Duration(value)
			}
		})
	})
	if err != nil {
		return err
	}
	if s.v2cpu {
		_, err = n.get(&s.quota, func(text []byte) (ok bool) { quota, period, ok = pair(text); return ok })
	} else {
		stat, err = n.get(&s.cpu, into(&used))
		if err == nil {
			_, err = n.get(&s.quota, limitInto(&quota))
		}
		if err == nil {
			_, err = n.get(&s.period, into(&period))
		}
	}
	if err != nil {
		return err
	}
	c.Usage, c.Quota = time.Duration(used), thousandths(quota, period)
	if stat {
		r.Has |= HasCPU
	}
	if throttling {
		r.Has |= HasThrottling
	}
	return nil
}

func (n *Node) readPids(s *Source, r *Sample) error {
	has, err := n.get(&s.pids, into(&r.Pids.Current))
	if err != nil {
		return err
	}
	limited, err := n.get(&s.pidsMax, limitInto(&r.Pids.Limit))
	if err != nil {
		return err
	}
	if has && limited {
		r.Has |= HasPids
	}
	_, err = n.get(&s.pidsEvents, func(text []byte) bool {
		return keyed(text, func(key []byte, value uint64) {
			if string(key) == "max" {
				r.Pids.Refused = value
			}
		})
	})
	return err
}

func (n *Node) readPressure(s *Source, r *Sample) error {
	for _, p := range []struct {
		f   *file
		to  *Pressure
		has Part
	}{
		{&s.cpuPressure, &r.Pressure.CPU, HasCPUPressure}, {&s.memoryPressure, &r.Pressure.Memory, HasMemoryPressure}, {&s.ioPressure, &r.Pressure.IO, HasIOPressure},
	} {
		has, err := n.get(p.f, func(text []byte) (ok bool) { *p.to, ok = pressure(text); return ok })
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENODEV) && n.lives(s) { // cgroup.pressure takes the files away
			n.note("pressure is switched off, on this node (psi=0) or for some containers (cgroup.pressure): it is not watched there")
			n.close(p.f)
			continue
		}
		if err != nil {
			return err
		}
		if has {
			r.Has |= p.has
		}
	}
	return nil
}

// lives tells whether the container's first process is still there.
func (n *Node) lives(s *Source) bool {
	_, err := n.at(s.process, "stat")
	return err == nil
}

func (n *Node) readDisk(s *Source, r *Sample) error {
	d := &r.Disk
	var has bool
	var err error
	if s.v2io {
		has, err = n.get(&s.io, func(text []byte) (ok bool) { *d, ok = ioStat(text); return ok })
	} else {
		has, err = n.get(&s.io, func(text []byte) (ok bool) { d.ReadBytes, d.WrittenBytes, ok = throttle(text); return ok })
		if err == nil {
			_, err = n.get(&s.ioCount, func(text []byte) (ok bool) { d.Reads, d.Writes, ok = throttle(text); return ok })
		}
	}
	if has {
		r.Has |= HasDisk
	}
	return err
}

// readNetwork reads the interfaces by way of the first process. The file is
// not kept open: that would keep the namespace alive, and its interfaces with
// it, after the container's end.
func (n *Node) readNetwork(s *Source, r *Sample) error {
	if s.net == n.host {
		r.Network.Shared = "host"
		return nil
	}
	if with := n.counted[s.net]; with != s.id {
		if with != "" {
			r.Network.Shared = with
			return nil
		}
		n.counted[s.net] = s.id
	}
	text, err := n.at(s.process, "net/dev")
	if err != nil {
		return err
	}
	var ok bool
	if r.Network.Interfaces, ok = interfaces(text, make([]Interface, 0, 2)); !ok {
		n.note("/proc/PID/net/dev is in a form that is not known here: the network is not watched")
		return nil
	}
	for i := range r.Network.Interfaces {
		r.Network.Total.add(&r.Network.Interfaces[i].Traffic)
	}
	r.Has |= HasNetwork
	return nil
}

func (t *Traffic) add(o *Traffic) {
	t.ReceivedBytes += o.ReceivedBytes
	t.ReceivedPackets += o.ReceivedPackets
	t.ReceivedErrors += o.ReceivedErrors
	t.ReceivedDropped += o.ReceivedDropped
	t.SentBytes += o.SentBytes
	t.SentPackets += o.SentPackets
	t.SentErrors += o.SentErrors
	t.SentDropped += o.SentDropped
}
