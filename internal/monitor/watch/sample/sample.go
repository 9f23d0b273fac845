// Package sample reads what the kernel counts of a container: its cgroups, of
// version 1, 2 or both, and the interfaces of its network namespace.
//
// A Node is what all containers share, a Source the files of one, a Sample
// what one look at them gives. Nothing here starts a goroutine, and nothing is
// safe for several at a time.
package sample

import "time"

// A Part is one of the things that a sample may hold; a Sample has a set.
type Part uint16

// The parts.
const (
	HasMemory Part = 1 << iota
	HasOOM
	HasCPU
	HasThrottling
	HasPids
	HasCPUPressure
	HasMemoryPressure
	HasIOPressure
	HasNetwork
	HasDisk
)

// A Sample is one look at a container. What Has does not name is not known,
// and zero.
type Sample struct {
	Time     time.Time
	Has      Part
	Memory   Memory
	OOMKills uint64 // since the cgroup was made: processes that were killed
	CPU      CPU
	Pids     Pids
	Pressure Pressures
	Network  Network
	Disk     Disk
}

// Memory is in bytes.
type Memory struct {
	Usage      uint64 // all that is charged, page cache included
	WorkingSet uint64 // of it, what is not inactive page cache: what an OOM kill would count
	Limit      uint64 // 0: none
	Swap       uint64
}

// CPU is processor time.
type CPU struct {
	Usage     time.Duration // used since the cgroup was made
	Periods   uint64        // that passed while there was a quota
	Throttled uint64        // of them, those in which it was made to wait
	Waited    time.Duration // all that it was made to wait
	Quota     uint64        // thousandths of a processor; 0: no limit
}

// Pids is tasks, threads included.
type Pids struct {
	Current uint64
	Limit   uint64 // 0: none
	Refused uint64 // forks that failed at the limit
}

// Pressures are the three files of PSI.
type Pressures struct{ CPU, Memory, IO Pressure }

// A Pressure tells how much of the time tasks waited for a resource.
type Pressure struct{ Some, Full Stall }

// A Stall is one line of PSI: shares in percent, and all of it.
type Stall struct {
	Avg10, Avg60, Avg300 float64
	Total                time.Duration
}

// Network is what the interfaces of the container's own network namespace
// counted, but for lo.
type Network struct {
	Shared     string // whose namespace it is: "host", or the id of the container with which it is counted
	Interfaces []Interface
	Total      Traffic // of all
}

// An Interface is one of the namespace.
type Interface struct {
	Name string
	Traffic
}

// Traffic is counted since the interface was made.
type Traffic struct {
	ReceivedBytes, ReceivedPackets, ReceivedErrors, ReceivedDropped uint64
	SentBytes, SentPackets, SentErrors, SentDropped                 uint64
}

// Disk is what block devices did for the container, since its cgroup was made.
type Disk struct{ ReadBytes, WrittenBytes, Reads, Writes uint64 }
