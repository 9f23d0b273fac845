// Package profiles holds the built-in profiles, as policy files.
package profiles

import "embed"

//go:embed *.toml
var files embed.FS

// Names returns the names of the built-in profiles.
func Names() []string {
	return []string{"baseline", "restricted", "cis-docker", "nist-800-190", "hardened"}
}

// Text returns the text of a built-in profile.
func Text(name string) ([]byte, bool) {
	for _, known := range Names() {
		if name == known {
			text, err := files.ReadFile(name + ".toml")
			return text, err == nil
		}
	}
	return nil, false
}
