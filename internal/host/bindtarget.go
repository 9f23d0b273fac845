package host

import (
	"os"
	"strings"

	"github.com/runward/runward/policy"
	"golang.org/x/sys/unix"
)

// bindTarget is how buildah, and so podman build, names what a step mounts: it
// mounts each source below the bundle first, in a mount namespace of its own, and
// writes that name into config.json (bind.SetupIntermediateMountNamespace). Where
// it comes from only the mount tells.
const bindTarget = "/mnt/buildah-bind-target-"

// behind gives what is mounted at such a name under the name that the host has
// for it: the same device and inode, found through another mount of the same file
// system. What nothing is mounted at stays what it is.
func (r *resolver) behind(f policy.File) policy.File {
	if f.Err != "" || !strings.Contains(f.Path, bindTarget) {
		return f
	}
	info, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		return unresolved(f.Path, "what buildah mounted there is not to be found: "+reason(err))
	}
	names, mounted := otherNames(string(info), f.Path)
	if !mounted {
		return f
	}
	for _, name := range names {
		fd, met, err := openPath(name)
		if err != nil {
			continue
		}
		other := r.describe(name, fd, met)
		_ = unix.Close(fd) // Only looked at.
		if other.Err == "" && other.SameAs(f.Dev, f.Ino) {
			return other
		}
	}
	return unresolved(f.Path, "what buildah mounted there has no name on this host")
}

// otherNames are the names that other mounts of the same file system give to
// what is mounted at a bind target, or is below one; mounted is false where
// nothing is mounted there. The text is that of proc_pid_mountinfo(5).
func otherNames(info, path string) (names []string, mounted bool) {
	at := strings.Index(path, bindTarget) + len(bindTarget)
	target, below := path, ""
	if i := strings.IndexByte(path[at:], '/'); i >= 0 {
		target, below = path[:at+i], path[at+i:]
	}
	device, root := "", ""
	for line := range strings.Lines(info) {
		if m := strings.Fields(line); len(m) > 5 && unescape(m[4]) == target { // the last is on top
			device, root = m[2], unescape(m[3])
		}
	}
	if device == "" {
		return nil, false
	}
	inside := strings.TrimSuffix(root, "/") + below
	for line := range strings.Lines(info) {
		m := strings.Fields(line)
		if len(m) <= 5 || m[2] != device {
			continue
		}
		point, from := unescape(m[4]), strings.TrimSuffix(unescape(m[3]), "/")
		if strings.Contains(point, bindTarget) || inside != from && !strings.HasPrefix(inside, from+"/") {
			continue
		}
		names = append(names, strings.TrimSuffix(point, "/")+inside[len(from):])
	}
	for i := range names {
		if names[i] == "" {
			names[i] = "/"
		}
	}
	return names, true
}

// unescape gives a path as it is in place of how mountinfo writes it: blanks and
// backslashes are \ and three octal digits.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && isOctal(s[i+1]) && isOctal(s[i+2]) && isOctal(s[i+3]) {
			out.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

func isOctal(c byte) bool { return '0' <= c && c <= '7' }
