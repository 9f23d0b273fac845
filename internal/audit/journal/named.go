package journal

import "slices"

// Named opens exactly these files of receipts (gzip too), oldest first whatever
// their order. There is no head to hold their end to. The caller closes.
func Named(names []string) (inputs []Input, close func(), err error) {
	var opened []*source
	close = func() { closeAll(opened) }
	for _, name := range names {
		s, err := open(name)
		if err != nil {
			close()
			return nil, nil, err
		}
		opened = append(opened, s)
	}
	slices.SortStableFunc(opened, func(a, b *source) int { return a.compare(b, "") })
	for _, s := range opened {
		inputs = append(inputs, Input{Name: s.file.Name(), Reader: s.reader})
	}
	return inputs, close, nil
}
