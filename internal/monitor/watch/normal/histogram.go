package normal

import (
	"cmp"
	"math"
	"slices"
)

const (
	width   = 1.1 // of a bucket: its upper end by its lower
	buckets = 256 // at most, the first for all that is as good as nothing
)

// A histogram counts values in buckets that are equally wide by ratio, from
// unit on: 255 of them reach to unit · 3.6e10. Its weights need not be whole.
type histogram struct {
	Bucket []bucket `json:"b"` // by index
	Total  float64  `json:"n"`
}

type bucket struct {
	Index  uint8   `json:"i"`
	Weight float64 `json:"w"`
}

func indexOf(value, unit float64) uint8 {
	if !(value > unit) {
		return 0
	}
	return uint8(min(math.Ceil(math.Log(value/unit)/math.Log(width)), buckets-1))
}

// middle is the value that a bucket stands for.
func middle(index uint8, unit float64) float64 {
	if index == 0 {
		return 0
	}
	return unit * math.Pow(width, float64(index)-0.5)
}

func (h *histogram) add(value, unit, weight float64) {
	index := indexOf(value, unit)
	at, found := slices.BinarySearchFunc(h.Bucket, index, func(b bucket, i uint8) int { return cmp.Compare(b.Index, i) })
	if !found {
		h.Bucket = slices.Insert(h.Bucket, at, bucket{Index: index})
	}
	h.Bucket[at].Weight += weight
	h.Total += weight
}

// scale lets everything count less. What counts for next to nothing is dropped.
func (h *histogram) scale(by float64) {
	h.Total = 0
	for i := range h.Bucket {
		h.Bucket[i].Weight *= by
	}
	h.Bucket = slices.DeleteFunc(h.Bucket, func(b bucket) bool { return b.Weight < 1e-3 })
	for _, b := range h.Bucket {
		h.Total += b.Weight
	}
}

func (h *histogram) merge(o *histogram, by float64) {
	for _, b := range o.Bucket {
		at, found := slices.BinarySearchFunc(h.Bucket, b.Index, func(b bucket, i uint8) int { return cmp.Compare(b.Index, i) })
		if !found {
			h.Bucket = slices.Insert(h.Bucket, at, bucket{Index: b.Index})
		}
		h.Bucket[at].Weight += b.Weight * by
		h.Total += b.Weight * by
	}
}

// quantile is the value that a share q of the weight is not above, to within
// half a bucket; 0 of an empty histogram.
func (h *histogram) quantile(q, unit float64) float64 {
	sum := 0.0
	for _, b := range h.Bucket {
		if sum += b.Weight; sum >= q*h.Total {
			return middle(b.Index, unit)
		}
	}
	if len(h.Bucket) == 0 {
		return 0
	}
	return middle(h.Bucket[len(h.Bucket)-1].Index, unit)
}

// mad is the median of the distances from the median.
func (h *histogram) mad(median, unit float64) float64 {
	type far struct{ distance, weight float64 }
	all := make([]far, 0, len(h.Bucket))
	for _, b := range h.Bucket {
		all = append(all, far{math.Abs(middle(b.Index, unit) - median), b.Weight})
	}
	slices.SortFunc(all, func(a, b far) int { return cmp.Compare(a.distance, b.distance) })
	sum := 0.0
	for _, f := range all {
		if sum += f.weight; sum >= h.Total/2 {
			return f.distance
		}
	}
	return 0
}

// valid tells whether it is as it was written: kept files may be damaged.
func (h *histogram) valid() bool {
	last, sum := -1, 0.0
	for _, b := range h.Bucket {
		if int(b.Index) <= last || !(b.Weight >= 0 && b.Weight < 1e12) {
			return false
		}
		last = int(b.Index)
		sum += b.Weight
	}
	return math.Abs(sum-h.Total) <= 1e-6*max(sum, 1)
}
