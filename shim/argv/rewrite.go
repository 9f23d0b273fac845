package argv

import "errors"

// Rewrite returns the arguments that hand over the same exec with the whole
// process in the file at path, without the flags that this replaces and
// without the command. Everything else stays in its place: global flags, the
// console's socket, the pid file, detach, kept files, cgroup, the container.
func (inv Invocation) Rewrite(path string) ([]string, error) {
	if inv.Verb != "exec" || inv.ID == "" {
		return nil, errors.New("only an exec of a container can be rewritten")
	}
	drop := make([]bool, inv.endAt)
	for _, f := range inv.flags {
		if replaced(f.Name) {
			drop[f.at] = true
			if f.valueAt != 0 {
				drop[f.valueAt] = true
			}
		}
	}
	out := make([]string, 0, len(inv.Argv)+2)
	out = append(out, inv.Argv[:inv.verbAt+1]...)
	out = append(out, "--process", path)
	for i := inv.verbAt + 1; i < inv.endAt; i++ {
		if drop[i] {
			out = inv.shared(out, i, drop)
		} else {
			out = append(out, inv.Argv[i])
		}
	}
	return out, nil
}

// shared adds the flags that stay of an argument that also holds one which
// does not, as -dt.
func (inv Invocation) shared(out []string, at int, drop []bool) []string {
	for _, f := range inv.flags {
		switch {
		case f.at != at || replaced(f.Name):
		case f.Value == "true":
			out = append(out, "--"+f.Name)
		default:
			out = append(out, "--"+f.Name+"="+f.Value)
			if f.valueAt != 0 {
				drop[f.valueAt] = true
			}
		}
	}
	return out
}

// replaced tells whether --process says what this flag of exec does.
func replaced(name string) bool {
	switch name {
	case "process", "cwd", "env", "tty", "user", "additional-gids", "process-label", "apparmor", "no-new-privs", "cap":
		return true
	}
	return false
}
