package rules

import (
	"errors"

	"github.com/runward/runward/policy"
)

// CheckpointRestoreSettings say which of the two are allowed.
type CheckpointRestoreSettings struct {
	Allow policy.AllowList `toml:"allow" doc:"checkpoint, restore; without it none"`
}

// Default allows neither.
func (s *CheckpointRestoreSettings) Default() { s.Allow.Default([]string{}) }

// Validate refuses what is neither.
func (s *CheckpointRestoreSettings) Validate() error {
	return items(s.Allow.Lists, func(item string) error {
		if item != "checkpoint" && item != "restore" {
			return errors.New("checkpoint_restore.allow: want checkpoint or restore, found " + quote(item))
		}
		return nil
	})
}

// CheckpointRestore judges the verbs checkpoint and restore.
var CheckpointRestore = policy.Rule{
	ID:    "checkpoint_restore",
	Title: "No container leaves as an image of its memory, or comes from one",
	Doc: `A restored process has the credentials, the capabilities and the seccomp filter that its image says, whatever config.json says; and a checkpoint
writes all that the container holds in memory to files. Both are refused unless allowed, also where no policy has this table. Where restore is allowed, the bundle's config.json is judged as at create;
what is inside the image cannot be.`,
	Since:   "0.1.0",
	Always:  true,
	Default: policy.ActionDeny,
	Refs:    []policy.Ref{{Standard: "OCI runtime-spec", ID: "lifecycle"}, {Standard: "CRIU", ID: "images"}, {Standard: "MITRE ATT&CK", ID: "T1611"}},
	Check:   policy.Check[CheckpointRestoreSettings](checkCheckpointRestore),
}

func checkCheckpointRestore(e *policy.Eval, s *CheckpointRestoreSettings) {
	verb := e.Facts.Verb
	if verb != "checkpoint" && verb != "restore" {
		return
	}
	if s.Allow.Permits(verb, func(item, value string) bool { return item == value }) {
		return
	}
	e.Deny(policy.Finding{
		Found: verb, Wanted: "neither checkpoint nor restore", Hint: "start the container anew, or ask the administrator to put " + verb + " on the list checkpoint_restore.allow",
	})
}
