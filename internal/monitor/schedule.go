package monitor

import (
	"container/heap"
	"time"
)

// A schedule has each container at most once, the one that is due first at the
// front: however many there are, nothing has to be dropped from it.
type schedule []*container

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].due.Before(s[j].due) }
func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].place, s[j].place = i, j
}

// Push is for package heap.
func (s *schedule) Push(x any) {
	c := x.(*container) //nolint:forcetypeassert // only put pushes
	c.place = len(*s)
	*s = append(*s, c)
}

// Pop is for package heap.
func (s *schedule) Pop() any {
	last := len(*s) - 1
	c := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	c.place = -1
	return c
}

// put makes a container due at a time, or earlier if it was.
func (s *schedule) put(c *container, due time.Time) {
	switch {
	case c.place < 0:
		c.due = due
		heap.Push(s, c)
	case due.Before(c.due):
		c.due = due
		heap.Fix(s, c.place)
	}
}

// drop takes a container out.
func (s *schedule) drop(c *container) {
	if c.place >= 0 {
		heap.Remove(s, c.place)
	}
}

// next takes out one that is due, or says how long there is none.
func (s *schedule) next(now time.Time) (c *container, wait time.Duration) {
	if len(*s) == 0 {
		return nil, time.Hour
	}
	if wait := (*s)[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(s).(*container), 0 //nolint:forcetypeassert // only put pushes
}
