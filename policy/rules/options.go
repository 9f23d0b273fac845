package rules

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// isBind tells whether runtimes bind-mount: runc goes by the options and then
// ignores the type, crun also by the type alone.
func isBind(m *specs.Mount) bool {
	return m.Type == "bind" || hasString(m.Options, "bind") || hasString(m.Options, "rbind")
}

// readOnly tells whether every runtime mounts it read-only. The last of ro, rw
// and rrw wins, and not in the same way everywhere; runc before 1.2 takes rro
// for data of the file system.
func readOnly(options []string) bool {
	return hasString(options, "ro") && !hasString(options, "rw") && !hasString(options, "rrw")
}

// contradictory tells whether options ask for both reading only and writing.
func contradictory(options []string) bool {
	return (hasString(options, "ro") || hasString(options, "rro")) && (hasString(options, "rw") || hasString(options, "rrw"))
}

// onlyRead returns the options with a single ro and nothing against it.
func onlyRead(options []string) []string {
	out := make([]string, 0, len(options)+1)
	have := false
	for _, o := range options {
		switch {
		case o == "rw" || o == "rrw" || o == "ro" && have:
			continue
		case o == "ro":
			have = true
		}
		out = append(out, o)
	}
	if !have {
		out = append(out, "ro")
	}
	return out
}

// sharing returns the options that let the container's own mounts appear on
// the host.
func sharing(options []string) []string {
	var out []string
	for _, o := range options {
		if o == "shared" || o == "rshared" {
			out = append(out, o)
		}
	}
	return out
}

// slaved returns the options with shared propagation made one-way, from the
// host to the container.
func slaved(options []string) []string {
	out := make([]string, len(options))
	for i, o := range options {
		switch o {
		case "shared":
			o = "slave"
		case "rshared":
			o = "rslave"
		}
		out[i] = o
	}
	return out
}

// optionList is for messages.
func optionList(options []string) string { return quote(strings.Join(options, ",")) }
