package main

import "slices"

// A result is what was found of one case.
type result struct {
	Name        string       `json:"name"`
	Unit        string       `json:"unit"`
	ConfigBytes int          `json:"config_bytes"`
	Variants    []summary    `json:"variants"`
	Comparisons []comparison `json:"comparisons,omitempty"`
}

// A summary is of one variant's samples, in the unit of the result.
type summary struct {
	Name   string  `json:"name"`
	N      int     `json:"n"`
	Median float64 `json:"median"`
	Q1     float64 `json:"q1"`
	Q3     float64 `json:"q3"`
	Max    float64 `json:"max"`
}

// A comparison is of two variants, round by round.
type comparison struct {
	Of     string  `json:"of"`
	Over   string  `json:"over"`
	Added  float64 `json:"added"` // the median of the differences; Q1 and Q3 too
	Q1     float64 `json:"q1"`
	Q3     float64 `json:"q3"`
	Ratio  float64 `json:"ratio"` // the median of the ratios
	Checks []check `json:"targets,omitempty"`
	Note   string  `json:"note,omitempty"`
}

// A check is a figure beside what it should be.
type check struct {
	What  string  `json:"what"`
	Limit float64 `json:"limit"`
	OK    bool    `json:"ok"`
}

func summarise(c testCase, unit string, size int, samples [][]float64) result {
	r := result{Name: c.name, Unit: unit, ConfigBytes: size}
	byName := map[string][]float64{}
	for i, v := range c.variants {
		s := slices.Clone(samples[i])
		slices.Sort(s)
		r.Variants = append(r.Variants, summary{v.name, len(s), quantile(s, 0.5), quantile(s, 0.25), quantile(s, 0.75), s[len(s)-1]})
		byName[v.name] = samples[i]
	}
	for _, t := range c.targets {
		r.Comparisons = append(r.Comparisons, compare(t, unit, byName[t.of], byName[t.over]))
	}
	return r
}

func compare(t target, unit string, of, over []float64) comparison {
	var added, ratio []float64
	for i := range of {
		added, ratio = append(added, of[i]-over[i]), append(ratio, of[i]/over[i])
	}
	slices.Sort(added)
	slices.Sort(ratio)
	c := comparison{
		Of: t.of, Over: t.over, Note: t.note,
		Added: quantile(added, 0.5), Q1: quantile(added, 0.25), Q3: quantile(added, 0.75), Ratio: quantile(ratio, 0.5),
	}
	if t.added != 0 {
		c.Checks = append(c.Checks, check{"added at most", t.added, c.Added <= t.added})
	}
	switch {
	case t.ratio == 0:
	case unit == "creates/s": // more is better
		c.Checks = append(c.Checks, check{"ratio at least", t.ratio, c.Ratio >= t.ratio})
	default:
		c.Checks = append(c.Checks, check{"ratio at most", t.ratio, c.Ratio <= t.ratio})
	}
	return c
}

// quantile of sorted values, between two neighbours in proportion.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
