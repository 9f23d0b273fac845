package rules

import (
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// HostPathsSettings says what of the host's files a container may see.
type HostPathsSettings struct {
	Sources  policy.AllowList `toml:"sources" doc:"host paths, as globs, that may be mounted; \"default\" is local data under Docker and Podman, and nothing under Kubernetes; a path of the host's own, as /etc/ssl, must be named down to it. What the engine manages (volumes, resolv.conf) is always allowed"`
	Forbid   policy.Forbid    `toml:"forbid" doc:"host paths, as globs, that are never mounted, nor anything below them"`
	ReadOnly policy.Forbid    `toml:"read_only" doc:"host paths, as globs, that are only mounted read-only, and what is below them"`
}

// Default makes an absent list the safe one.
func (s *HostPathsSettings) Default() { s.Sources.Default([]string{policy.DefaultItem}) }

// Validate refuses paths that match nothing.
func (s *HostPathsSettings) Validate() error {
	for _, lists := range [][]policy.List{s.Sources.Lists, s.Forbid.Lists, s.ReadOnly.Lists} {
		if err := items(lists, absolute("host_paths")); err != nil {
			return err
		}
	}
	return nil
}

// HostPaths keeps the host's files out of containers.
var HostPaths = policy.Rule{
	ID:    "host_paths",
	Title: "No files of the host's own in containers",
	Doc: "Judges every bind mount by where its source really leads: resolved by the kernel, and compared by path and by device and inode, the directories above it included, so that no other name for /etc (a symbolic link, .., /proc/self/root, a bind mount elsewhere) gets past. " +
		"Refused are the host's own directories (/, /etc, /root, /boot, /dev, /proc, /sys, /run, /usr and the like, the engines' and the kubelet's data, /var/log, /tmp and /var/tmp, which anyone on the host can write, home directories themselves and the keys in them), what is above and what is below them, sockets, devices, and kernel file systems wherever they are mounted. " +
		"What engines manage is allowed: volumes, the files that they make for each container, the kubelet's volumes of the same pod. Under Docker and Podman so is other data of the host (/srv/data, a project under /home/user); under Kubernetes nothing else is, as its baseline asks. " +
		"Reading a few public files is allowed outside Kubernetes: time zone, certificates of authorities, /etc/hosts, /etc/resolv.conf; so is mounting the libraries of NVIDIA's driver read-only. " +
		"A mount that asks for both ro and rw becomes read-only, shared propagation becomes one-way, and idmapped mounts must stay in the container's own ids.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs: []policy.Ref{
		{Standard: "PSS baseline", ID: "HostPath Volumes"},
		{Standard: "CIS Docker 1.6", ID: "5.6"},
		{Standard: "CIS Docker 1.6", ID: "5.20"},
		{Standard: "CIS Docker 1.6", ID: "5.32"},
		{Standard: "CIS Kubernetes 1.10", ID: "5.2.11"},
		{Standard: "NIST SP 800-190", ID: "4.5.5"},
		{Standard: "CVE", ID: "2024-0132"},
		{Standard: "CVE", ID: "2019-5736"},
	},
	Check: policy.Check[HostPathsSettings](checkHostPaths),
}

func checkHostPaths(e *policy.Eval, s *HostPathsSettings) {
	j := &sourceJudge{e: e, s: s}
	for i := range e.Spec.Mounts {
		if isBind(&e.Spec.Mounts[i]) {
			j.check(i)
		}
	}
}

// A sourceJudge judges the bind mounts of one config.json.
type sourceJudge struct {
	e    *policy.Eval
	s    *HostPathsSettings
	host *hostDirs // made when first needed
}

func (j *sourceJudge) check(i int) {
	m := &j.e.Spec.Mounts[i]
	source := j.resolve(m.Source)
	f := policy.Finding{
		Pointer: index("/mounts", i),
		Found:   quote(m.Source) + " mounted at " + quote(m.Destination),
		Hint:    "use a volume in place of the host's " + quote(named(m.Source, source)) + ", or ask the administrator to put it on the list host_paths.sources",
	}
	if source.Path != m.Source && source.Err == "" {
		f.Found += " (it leads to " + quote(source.Path) + ")"
	}
	managed := engineFile(j.e, m, source)
	policyName, forbidden := j.s.Forbid.Forbids(source.Path, globOrBelow)
	switch {
	case source.Err != "":
		f.Wanted = "a source that can be resolved: " + source.Err
		f.Hint = "give the path that is meant, without .. and without links in a circle"
	case forbidden:
		f.Wanted = "nothing that host_paths.forbid of policy " + policyName + " has"
		f.Hint = "use a volume in place of it"
	default:
		f.Wanted = j.refused(m, source, managed)
	}
	if f.Wanted == "" {
		if f.Wanted = wrongIDs(j.e.Spec, m); f.Wanted != "" {
			f.Hint = "let the engine make the mapping (Kubernetes: hostUsers: false; podman: --userns and the plain mount option idmap)"
		}
	}
	if f.Wanted == "" && managed == "" {
		if f.Wanted = rootGroup(j.e.Spec); f.Wanted != "" {
			f.Hint = "take root's group out (--group-add 0, supplementalGroups), or use a volume"
		}
	}
	if f.Wanted != "" {
		j.e.Deny(f)
		return
	}
	j.rewriteOptions(i, source)
}

// named is how a list has to name a source: where it leads.
func named(spelled string, source policy.File) string {
	if source.Err == "" {
		return source.Path
	}
	return spelled
}

// resolve finds where a source leads, as the runtime will.
func (j *sourceJudge) resolve(source string) policy.File {
	if source == "" {
		return policy.File{Err: "it is empty"}
	}
	if j.e.Facts.Lookup != nil {
		return j.e.Facts.Lookup(source)
	}
	if !strings.HasPrefix(source, "/") {
		source = j.e.Facts.Bundle + "/" + source
	}
	if hasDotDot(source) {
		return policy.File{Path: source, Err: `".." in it`}
	}
	return policy.File{Path: path.Clean(source)}
}

// refused says what is wanted in place of a source; empty where it may be
// mounted. managed is the directory that the engine manages and the source is
// in, if any.
func (j *sourceJudge) refused(m *specs.Mount, source policy.File, managed string) string {
	why := j.hostOwn(m, source, managed)
	if managed != "" {
		return why.words
	}
	if why.words == "" && kubernetes(j.e.Facts) {
		why = reason{dir: "", words: "only volumes: under Kubernetes no path of the host's"}
	}
	permits := func(item, value string) bool {
		if item == policy.DefaultItem {
			return why.words == ""
		}
		return policy.Match(item, value) && (why.dir == "" || within(literal(item), why.dir) || item == value)
	}
	if j.s.Sources.Permits(source.Path, permits) {
		return ""
	}
	if why.words == "" {
		return "only volumes, and host paths on the list host_paths.sources: " + listed(j.s.Sources)
	}
	return why.words
}

// kubernetes tells whether a kubelet asked for the container.
func kubernetes(f *policy.Facts) bool { return f.Identity.PodUID != "" || f.Engine == "cri-o" }

// literal is the directory that a glob names without any wildcard.
func literal(glob string) string {
	if i := strings.IndexAny(glob, "*?"); i >= 0 {
		return path.Dir(glob[:i] + "x")
	}
	return glob
}

// globOrBelow matches a path, and what is below a path, that the glob matches.
func globOrBelow(glob, p string) bool {
	for {
		if policy.Match(glob, p) {
			return true
		}
		if p == "/" || p == "." {
			return false
		}
		p = path.Dir(p)
	}
}

// rootGroup refuses a combination: a user who is given root's group besides
// their own, and the host's files.
func rootGroup(s *specs.Spec) string {
	u := &s.Process.User
	if u.UID == 0 || u.GID == 0 || inUserNamespace(s) {
		return ""
	}
	for _, g := range u.AdditionalGids {
		if g == 0 {
			return "no path of the host's for user " + itoa(int64(u.UID)) + " with root's group added"
		}
	}
	return ""
}

// rewriteOptions takes away what the options give beyond the need.
func (j *sourceJudge) rewriteOptions(i int, source policy.File) {
	m := &j.e.Spec.Mounts[i]
	f := policy.Finding{Pointer: index("/mounts", i), Found: quote(m.Source) + " mounted with " + optionList(m.Options)}
	policyName, mustRead := j.s.ReadOnly.Forbids(source.Path, globOrBelow)
	switch {
	case contradictory(m.Options):
		f.Wanted = "a single ro: of ro and rw the last would win, differently in each runtime"
		f.Hint = "give ro or rw, not both"
	case mustRead && !readOnly(m.Options):
		f.Wanted = "ro, as host_paths.read_only of policy " + policyName + " says"
		f.Hint = "mount it with readOnly: true (docker, podman: :ro)"
	}
	if f.Wanted != "" {
		j.e.Rewrite(f, func(s *specs.Spec) { s.Mounts[i].Options = onlyRead(s.Mounts[i].Options) })
	}
	if shared := sharing(j.e.Spec.Mounts[i].Options); len(shared) > 0 {
		f.Wanted = "propagation from the host to the container only: slave, rslave"
		f.Hint = "use mountPropagation: HostToContainer (docker, podman: :rslave), or none"
		j.e.Rewrite(f, func(s *specs.Spec) { s.Mounts[i].Options = slaved(s.Mounts[i].Options) })
	}
}
