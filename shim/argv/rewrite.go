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
	return inv.with(replaced, "--process", path), nil
}

// RewriteResources returns the arguments that hand over the same update with
// the resources in the file at path.
func (inv Invocation) RewriteResources(path string) ([]string, error) {
	if inv.Verb != "update" || inv.idAt == 0 || inv.Update.Resources == "" {
		return nil, errors.New("only an update by --resources can be rewritten")
	}
	return inv.with(func(name string) bool { return name == "resources" }, "--resources", path), nil
}

// with returns the arguments with a flag added after the verb, without those
// that it replaces, and without what follows the container but flags.
func (inv Invocation) with(replaces func(name string) bool, flag, value string) []string {
	end := inv.idAt
	drop := make([]bool, len(inv.Argv))
	for _, f := range inv.flags {
		end = max(end, f.at, f.valueAt)
		if replaces(f.Name) {
			drop[f.at] = true
			drop[f.valueAt] = drop[f.valueAt] || f.valueAt != 0
		}
	}
	out := make([]string, 0, len(inv.Argv)+2)
	out = append(out, inv.Argv[:inv.verbAt+1]...)
	out = append(out, flag, value)
	for i := inv.verbAt + 1; i <= end; i++ {
		if !drop[i] {
			out = append(out, inv.Argv[i])
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
