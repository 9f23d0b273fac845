package policy

// Match tells whether name matches the glob: `*` any run of characters but
// "/", `**` any run at all, `?` one character but "/". Everything else is
// literal, and letter case counts.
func Match(glob, name string) bool {
	// The position to go back to when the rest fails: the last star seen, and
	// the name's byte that it has swallowed up to.
	star, from, deep := -1, 0, false
	// A `**` further back is kept as well: a later single `*` cannot cross a
	// "/", the `**` before it can.
	deepStar, deepFrom := -1, 0
	g, n := 0, 0
	for n < len(name) || g < len(glob) {
		if g < len(glob) {
			switch c := glob[g]; {
			case c == '*':
				deep = g+1 < len(glob) && glob[g+1] == '*'
				if deep {
					g += 2
					deepStar, deepFrom = g, n
					star = -1
				} else {
					g++
					star, from = g, n
				}
				continue
			case n < len(name) && (c == name[n] || c == '?' && name[n] != '/'):
				g++
				n++
				continue
			}
		}
		switch {
		case star >= 0 && from < len(name) && name[from] != '/':
			from++
			g, n = star, from
		case deepStar >= 0 && deepFrom < len(name):
			deepFrom++
			g, n = deepStar, deepFrom
			star = -1
		default:
			return false
		}
	}
	return true
}
