package argv

import "errors"

// Rewrite returns the arguments that hand over the same exec with the whole
// process in the file at path, without the flags that this replaces and
// without the command. Everything else stays in its place: global flags, the
// console's socket, the pid file, detach, kept files, cgroup, the container.
func (inv Invocation) Rewrite(path string) ([]string, error) {
	if inv.Verb != "exec" || inv.idAt == 0 {
		return nil, errors.New("only an exec of a container can be rewritten")
	}
	drop := make([]bool, inv.idAt+1)
	for _, f := range inv.flags {
		if replaced(f.Name) {
			drop[f.at] = true
			drop[f.valueAt] = drop[f.valueAt] || f.valueAt != 0
		}
	}
	out := make([]string, 0, len(inv.Argv)+2)
	out = append(out, inv.Argv[:inv.verbAt+1]...)
	out = append(out, "--process", path)
	for i := inv.verbAt + 1; i <= inv.idAt; i++ {
		if !drop[i] {
			out = append(out, inv.Argv[i])
		}
	}
	return out, nil
}

// replaced tells whether --process says what this flag of exec does.
func replaced(name string) bool {
	switch name {
	case "process", "cwd", "env", "tty", "user", "additional-gids", "process-label", "apparmor", "no-new-privs", "cap":
		return true
	}
	return false
}
