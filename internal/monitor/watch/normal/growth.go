package normal

import "math"

// growthBlocks is into how many parts the time over which memory must grow is
// divided. Of each the least is taken: a garbage collector's saw has a floor
// that stays, a leak's does not.
const growthBlocks = 12

// growth watches the floor of one container's memory.
type growth struct {
	floors  []float64 // of past blocks, the oldest first
	least   float64   // of the block that is under way
	windows int64     // in it
}

// add takes the mean of a window, and tells whether a block ended.
func (g *growth) add(value float64, perBlock int64) bool {
	if g.windows == 0 || value < g.least {
		g.least = value
	}
	if g.windows++; g.windows < perBlock {
		return false
	}
	g.floors = append(g.floors, g.least)
	if len(g.floors) > growthBlocks {
		g.floors = g.floors[1:]
	}
	g.windows = 0
	return true
}

// rises tells whether the floor rises all the time: by Mann and Kendall's test
// over all pairs (z of 3.3: it would by chance once in 2000), by a quarter and
// 16 MiB at least, and in its last third as it did before: what grows ever more
// slowly is a cache that fills up.
func (g *growth) rises() bool {
	n := len(g.floors)
	if n < growthBlocks {
		return false
	}
	sum := 0
	for i := range n {
		for j := i + 1; j < n; j++ {
			switch {
			case g.floors[j] > g.floors[i]:
				sum++
			case g.floors[j] < g.floors[i]:
				sum--
			}
		}
	}
	z := float64(sum-1) / math.Sqrt(float64(n*(n-1)*(2*n+5))/18)
	rise, late := g.floors[n-1]-g.floors[0], g.floors[n-1]-g.floors[n-1-n/3]
	return z >= 3.3 && rise >= max(g.floors[0]/4, 16<<20) && late >= rise/3/2
}

// perBlock is by how much it rises in one block.
func (g *growth) perBlock() float64 {
	n := len(g.floors)
	return (g.floors[n-1] - g.floors[0]) / float64(n-1)
}
