package ledger

import (
	"maps"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Ask adds what another update asks for to what updates asked for before: of
// each limit the later one counts. It returns false where nothing is new.
func (e *Entry) Ask(r *specs.LinuxResources) bool {
	all := specs.LinuxResources{}
	if e.Asked != nil {
		all = *e.Asked
	}
	added := false
	if m := r.Memory; m != nil {
		was := orNew(all.Memory)
		added = later(&was.Limit, m.Limit, added)
		added = later(&was.Swap, m.Swap, added)
		added = later(&was.Reservation, m.Reservation, added)
		added = later(&was.DisableOOMKiller, m.DisableOOMKiller, added)
		all.Memory = was
	}
	if c := r.CPU; c != nil {
		was := orNew(all.CPU)
		added = later(&was.Shares, c.Shares, added)
		added = later(&was.Quota, c.Quota, added)
		added = later(&was.Period, c.Period, added)
		added = later(&was.RealtimeRuntime, c.RealtimeRuntime, added)
		if c.Cpus != "" {
			was.Cpus, added = c.Cpus, true
		}
		if c.Mems != "" {
			was.Mems, added = c.Mems, true
		}
		all.CPU = was
	}
	if r.Pids != nil {
		was := orNew(all.Pids)
		added = later(&was.Limit, r.Pids.Limit, added)
		all.Pids = was
	}
	if r.BlockIO != nil {
		all.BlockIO, added = r.BlockIO, true
	}
	if len(r.HugepageLimits) > 0 {
		all.HugepageLimits, added = r.HugepageLimits, true
	}
	if len(r.Unified) > 0 {
		files := map[string]string{}
		maps.Copy(files, all.Unified)
		maps.Copy(files, r.Unified)
		all.Unified, added = files, true
	}
	if added {
		e.Asked = &all
	}
	return added
}

// orNew is a copy, to change.
func orNew[T any](was *T) *T {
	now := new(T)
	if was != nil {
		*now = *was
	}
	return now
}

// later takes over a limit that is given: 0, to runtimes, is none.
func later[T comparable](was **T, now *T, added bool) bool {
	var none T
	if now == nil || *now == none || *was != nil && **was == *now {
		return added
	}
	value := *now
	*was = &value
	return true
}
