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
	return inv.with(inv.endAt, replaced, "--process", path), nil
}

// RewriteResources returns the arguments that hand over the same update with
// the resources in the file at path.
func (inv Invocation) RewriteResources(path string) ([]string, error) {
	if inv.Verb != "update" || inv.ID == "" || inv.Update.Resources == "" {
		return nil, errors.New("only an update by --resources can be rewritten")
	}
	return inv.with(len(inv.Argv), func(name string) bool { return name == "resources" }, "--resources", path), nil
}

// with returns the arguments up to end with a flag added after the verb, and
// without those that it replaces.
func (inv Invocation) with(end int, replaces func(name string) bool, flag, value string) []string {
	drop := make([]bool, end)
	for _, f := range inv.flags {
		if replaces(f.Name) {
			drop[f.at] = true
			if f.valueAt != 0 {
				drop[f.valueAt] = true
			}
		}
	}
	out := make([]string, 0, len(inv.Argv)+2)
	out = append(out, inv.Argv[:inv.verbAt+1]...)
	out = append(out, flag, value)
	for i := inv.verbAt + 1; i < end; i++ {
		if drop[i] {
			out = inv.shared(out, i, drop, replaces)
		} else {
			out = append(out, inv.Argv[i])
		}
	}
	return out
}

// shared adds the flags that stay of an argument that also holds one which
// does not, as -dt.
func (inv Invocation) shared(out []string, at int, drop []bool, replaces func(name string) bool) []string {
	for _, f := range inv.flags {
		switch {
		case f.at != at || replaces(f.Name):
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
