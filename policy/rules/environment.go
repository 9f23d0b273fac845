package rules

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// EnvironmentSettings says what may stand in a process's environment.
type EnvironmentSettings struct {
	Forbid     policy.Forbid    `toml:"forbid" doc:"names, as globs, of variables that are taken out; \"default\" is LD_PRELOAD, LD_AUDIT, LD_LIBRARY_PATH, GLIBC_TUNABLES"`
	NoSecrets  policy.Flag      `toml:"no_secrets" doc:"take out variables that look like secrets; left out: they are reported"`
	Secrets    policy.Forbid    `toml:"secrets" doc:"names, as globs in upper case, that are of secrets besides those that look so"`
	NotSecrets policy.AllowList `toml:"not_secrets" doc:"names, as globs in upper case, that are of no secrets though they look so"`
}

// Default makes an absent list the empty one.
func (s *EnvironmentSettings) Default() { s.NotSecrets.Default([]string{}) }

// Environment judges the variables of a process.
var Environment = policy.Rule{
	ID:    "environment",
	Title: "No secrets and no orders to the loader in the environment",
	Doc: "A variable of the environment is seen by whoever may look at the container in the engine or at the process in /proc, is written into logs, and is inherited by every program. " +
		"What looks like a secret, by its name (PASSWORD, SECRET, TOKEN, API_KEY, PRIVATE_KEY, CREDENTIAL and their like) or by its value (private keys, and the keys and tokens of well-known services), is reported; with no_secrets it is taken out. " +
		"A name that ends in _FILE, _PATH or _DIR with a path as its value is where a secret should be, and passes, as do the addresses that Kubernetes gives of services. " +
		"Variables that policy forbids are taken out; \"default\" in the list is what the dynamic loader obeys, by which a file of a volume becomes code in every program: images that preload an allocator (jemalloc) need an exception. " +
		"Values are in no finding, no receipt and no patch: the patch only removes. A program that cannot start without the variable fails and says what it misses.",
	Since:   "0.1.0",
	Exec:    true,
	Default: policy.ActionRewrite,
	Refs: []policy.Ref{
		{Standard: "NIST SP 800-190", ID: "4.1.4"},
		{Standard: "CIS Kubernetes 1.10", ID: "5.4.1"},
		{Standard: "CIS Docker 1.6", ID: "4.10"},
		{Standard: "CVE", ID: "2023-4911"},
		{Standard: "CVE", ID: "2025-23266"},
	},
	Check: policy.Check[EnvironmentSettings](checkEnvironment),
}

// mostVariables are as many as are taken out: one more, and the container is
// refused, since a long patch would say what stays.
const mostVariables = 256

func checkEnvironment(e *policy.Eval, s *EnvironmentSettings) {
	env := e.Spec.Process.Env // as it is now: removing makes a new list
	removed, reported := map[string]bool{}, 0
	for i, entry := range env {
		name, value, ok := strings.Cut(entry, "=")
		plain := ok && plainVariable(name)
		f := policy.Finding{
			Pointer: index("/process/env", i), Found: "a variable without a plain name",
			Hint: "take the variable out (kubernetes: env; docker, podman: --env; ENV in the Dockerfile)",
		}
		if plain {
			f.Found = "the variable " + quote(name)
		}
		if by, yes := s.Forbid.Forbids(name, forbidsVariable); yes {
			f.Wanted = "none that environment.forbid of policy " + by + " has"
			if !takeOut(e, f, entry, removed) {
				return
			}
			continue
		}
		what := secret(s, name, value)
		if what == "" && !plain {
			what = secretValue(entry)
		}
		if what == "" {
			continue
		}
		f.Found += ", which looks like a secret by its " + what
		f.Wanted = "secrets in files"
		f.Hint = "mount the secret as a file (kubernetes: a volume of type secret; docker, podman: --secret or --volume) and give the program its path"
		if !s.NoSecrets.On {
			if reported++; reported <= mostVariables {
				e.Report(f)
			}
		} else if !takeOut(e, f, entry, removed) {
			return
		}
	}
}

// takeOut removes an entry, once for all places where it stands; it returns
// false when there are too many and the container is refused.
func takeOut(e *policy.Eval, f policy.Finding, entry string, removed map[string]bool) bool {
	if removed[entry] {
		return true
	}
	removed[entry] = true
	if len(removed) > mostVariables {
		f.Found = "more than " + itoa(mostVariables) + " such variables"
		e.Deny(f)
		return false
	}
	e.Rewrite(f, dropVariable(entry))
	return true
}

// plainVariable tells whether a name can be shown: one that is not plain may be
// a value that slipped there.
func plainVariable(name string) bool {
	for i := 0; i < len(name); i++ {
		if !wordByte(name[i]) && name[i] != '.' && name[i] != '-' {
			return false
		}
	}
	return name != "" && len(name) <= 100 && secretValue(name) == ""
}

func forbidsVariable(item, name string) bool {
	if item == policy.DefaultItem {
		return name == "LD_PRELOAD" || name == "LD_AUDIT" || name == "LD_LIBRARY_PATH" || name == "GLIBC_TUNABLES"
	}
	return policy.Match(item, name)
}

// dropVariable removes the entry wherever it stands.
func dropVariable(entry string) func(*specs.Spec) {
	return func(s *specs.Spec) {
		kept := make([]string, 0, len(s.Process.Env))
		for _, have := range s.Process.Env {
			if have != entry {
				kept = append(kept, have)
			}
		}
		s.Process.Env = kept
	}
}

// secret says by what a variable looks like a secret; empty: it does not.
func secret(s *EnvironmentSettings, name, value string) string {
	upper := strings.ToUpper(name)
	if value == "" || s.NotSecrets.Permits(upper, policy.Match) {
		return ""
	}
	if by := secretValue(value); by != "" {
		return by
	}
	if _, yes := s.Secrets.Forbids(upper, policy.Match); yes || secretName(upper) && !harmless(upper, value) {
		return "name"
	}
	return ""
}

func secretName(upper string) bool {
	for _, word := range [...]string{
		"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY", "API_KEY", "ACCESS_KEY", "ACCESSKEY", "PRIVATE_KEY", "PRIVATEKEY", "CREDENTIAL",
	} {
		if strings.Contains(upper, word) {
			return true
		}
	}
	return false
}

// harmless tells what has such a name and is none: a path to the secret, a
// switch, the address of a service.
func harmless(upper, value string) bool {
	for _, end := range [...]string{"_FILE", "_PATH", "_DIR"} {
		if strings.HasSuffix(upper, end) && strings.HasPrefix(value, "/") {
			return true
		}
	}
	switch strings.ToLower(value) {
	case "true", "false", "yes", "no", "on", "off", "0", "1":
		return true
	}
	return strings.HasSuffix(upper, "_SERVICE_HOST") || strings.Contains(upper, "_SERVICE_PORT") || strings.HasSuffix(upper, "_PORT") && strings.Contains(value, "://") ||
		strings.Contains(upper, "_PORT_") && (strings.HasSuffix(upper, "_TCP") || strings.Contains(upper, "_TCP_") || strings.HasSuffix(upper, "_UDP") || strings.Contains(upper, "_UDP_"))
}
