package rules

import (
	"errors"
	"strings"

	"github.com/runward/runward/policy"
)

// HostnameSettings says what containers may call themselves.
type HostnameSettings struct {
	Allow   policy.AllowList `toml:"allow" doc:"host names, as globs in lower case; left out: any that is not forbidden"`
	Forbid  policy.Forbid    `toml:"forbid" doc:"host names, as globs in lower case, that are others': \"node-*\", \"*.corp.example.com\"; localhost is, whatever the list has"`
	Domains policy.AllowList `toml:"domains" doc:"NIS domain names, as globs in lower case; left out: any"`
}

// Validate refuses globs that no name matches.
func (s *HostnameSettings) Validate() error {
	for _, lists := range [][]policy.List{s.Allow.Lists, s.Forbid.Lists, s.Domains.Lists} {
		err := items(lists, func(item string) error {
			if plainName(item) != item {
				return errors.New("want lower case and no dot at the end: " + quote(plainName(item)) + ", found " + quote(item))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Hostname keeps a container from calling itself by another's name.
var Hostname = policy.Rule{
	ID:    "hostname",
	Title: "No container goes by another machine's name",
	Doc: "What a container calls itself stands in its logs, in what it mails, and in clusters that find members by name. Refused are the names that policy forbids, localhost, and names that are none: " +
		"other than letters, digits, dots, - and _, or longer than the 64 bytes that the kernel keeps. Letter case and a dot at the end make no other name. A container without a name is not concerned: it has its pod's, or its engine's. " +
		"It is refused and not renamed: a new UTS namespace begins with the node's own name.",
	Since:   "0.1.0",
	Default: policy.ActionDeny,
	Refs:    []policy.Ref{{Standard: "runtime-spec", ID: "config: hostname, domainname"}, {Standard: "NIST SP 800-53", ID: "IA-3"}},
	Check:   policy.Check[HostnameSettings](checkHostname),
}

func checkHostname(e *policy.Eval, s *HostnameSettings) {
	if name := e.Spec.Hostname; name != "" {
		f := policy.Finding{
			Pointer: "/hostname", Found: "the host name " + quote(name),
			Hint: "give another name (kubernetes: the pod's name or hostname; docker, podman: --hostname)",
		}
		plain := plainName(name)
		by, forbidden := s.Forbid.Forbids(plain, policy.Match)
		switch {
		case !hostnameWord(name):
			f.Wanted = "at most 64 letters, digits, dots, - and _"
		case plain == "localhost" || strings.HasPrefix(plain, "localhost."):
			f.Wanted = "a name other than localhost"
		case forbidden:
			f.Wanted = "none that hostname.forbid of policy " + by + " has"
		case !s.Allow.Permits(plain, policy.Match):
			f.Wanted = oneOfThese(s.Allow)
		}
		if f.Wanted != "" {
			e.Deny(f)
		}
	}
	if name := e.Spec.Domainname; name != "" && !s.Domains.Permits(plainName(name), policy.Match) {
		e.Deny(policy.Finding{
			Pointer: "/domainname", Found: "the domain name " + quote(name), Wanted: oneOfThese(s.Domains),
			Hint: "give another domain (docker: --domainname)",
		})
	}
}

// plainName brings the spellings of one name together.
func plainName(name string) string { return strings.TrimRight(strings.ToLower(name), ".") }

func hostnameWord(name string) bool {
	for i := 0; i < len(name); i++ {
		if !wordByte(name[i]) && name[i] != '.' && name[i] != '-' {
			return false
		}
	}
	return len(name) <= 64
}

// wordByte tells whether a byte is a letter, a digit or _.
func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}
