package answer

// A State is what is in force on a container.
type State struct {
	Frozen  bool
	Network Network
}

// StateOf reads from the kernel what is in force: it needs no memory of what
// was done.
func StateOf(t *Target) (State, error) {
	var s State
	dir, v2, err := t.group()
	if err != nil {
		return s, err
	}
	if s.Frozen, err = frozen(dir, v2); err != nil {
		return s, err
	}
	ns, err := t.network()
	if err != nil {
		return s, err
	}
	defer ns.close()
	if ns.host { // nothing of this package's is there
		s.Network = NetworkOpen
		return s, nil
	}
	s.Network, err = ns.state()
	return s, err
}
