package argv

import "pgregory.net/rapid"

// drawArgs draws a command line that a grammar may or may not accept: flags of
// its tables in every spelling, values and words, in any order.
func drawArgs(verbs []string, global []flag, flagsOf func(string) []flag) *rapid.Generator[[]string] {
	return rapid.Custom(func(t *rapid.T) []string {
		var args []string
		for range rapid.IntRange(0, 2).Draw(t, "globals") {
			args = append(args, drawFlag(t, global)...)
		}
		verb := rapid.SampledFrom(verbs).Draw(t, "verb")
		args = append(args, verb)
		table := flagsOf(verb)
		for range rapid.IntRange(0, 6).Draw(t, "rest") {
			switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
			case kind < 6 && len(table) > 0:
				args = append(args, drawFlag(t, table)...)
			case kind == 6:
				args = append(args, drawFlag(t, global)...)
			default:
				args = append(args, drawWord(t))
			}
		}
		return args
	})
}

var words = []string{"ID", "ID", "ID", "A", "B", "./x", "-", "--", "", "true", "false", "=", "=x", "-1", "-z", "help", "h", "create", "exec", " A", "--bundle", "-b"}

func drawWord(t *rapid.T) string { return rapid.SampledFrom(words).Draw(t, "word") }

// drawFlag draws a flag as one or two arguments.
func drawFlag(t *rapid.T, table []flag) []string {
	f := rapid.SampledFrom(table).Draw(t, "flag")
	name := f.name
	if f.alias != "" && rapid.Bool().Draw(t, "short") {
		name = f.alias
	}
	dash := rapid.SampledFrom([]string{"-", "--", "--", "--", "---", " --"}).Draw(t, "dash")
	if len(name) == 1 {
		dash = rapid.SampledFrom([]string{"-", "-", "-", "--"}).Draw(t, "dash")
	}
	switch rapid.IntRange(0, 11).Draw(t, "form") {
	case 0, 1, 2:
		return []string{dash + name + "=" + drawWord(t)}
	case 3, 4, 5:
		return []string{dash + name, drawWord(t)}
	case 6:
		return []string{dash + name + drawWord(t)}
	case 7: // shortened, or a bare dash
		return []string{dash + name[:rapid.IntRange(0, len(name)).Draw(t, "length")], drawWord(t)}
	case 8: // shares its argument
		other := rapid.SampledFrom(table).Draw(t, "other")
		return []string{dash + name + other.alias, drawWord(t)}
	default:
		return []string{dash + name}
	}
}
