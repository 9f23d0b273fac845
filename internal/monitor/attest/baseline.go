package attest

// A Baseline is how a container was at the first look, just after its program
// began: what config.json does not say must not become wider than this. It is
// for keeping: a later daemon compares with the same.
type Baseline struct {
	Mounts      []Mount           `json:"mounts"`
	Named       map[string]uint64 `json:"named,omitempty"` // namespaces that config.json names by path
	Limits      Limits            `json:"limits"`
	OOMScoreAdj int               `json:"oom_score_adj"`
}

// Baseline returns what to compare later looks with.
func (o *Observed) Baseline() *Baseline {
	b := &Baseline{Mounts: o.Mounts, Named: o.Named, Limits: o.Limits, OOMScoreAdj: o.Init.OOMScoreAdj}
	b.Limits.Unread = nil
	return b
}
