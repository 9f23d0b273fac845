package main

import (
	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/customrule"
	"github.com/runward/runward/internal/policycases"
	"github.com/runward/runward/policy/rules"
)

func (a *app) policyTest() *cobra.Command {
	return &cobra.Command{
		Use:   "test [FILE|DIRECTORY...]",
		Short: "Run cases: what policies are to decide about a config.json",
		Long: `Test runs cases from files whose names end in ` + policycases.Suffix + `, those in
directories at any depth, in the working directory unless others are named. A
case names policies, a config.json (or a captured bundle), facts of the node,
and what is to be decided. Nothing of this machine counts: not its policies, not
its runward.toml, not its files.

  policies = ["production.toml", "restricted"]   # files beside this one, profiles

  [[case]]
  name    = "no host network"
  config  = "host-network/config.json"
  facts   = { engine = "containerd", identity = { namespace = "prod" } }
  verdict = "deny"

  [[case.finding]]
  rule    = "namespaces"
  pointer = "/linux/namespaces"
  done    = "denied"

With exec a case is about a process that joins the container, with update about
new limits for it: each is held to what the policies left the container with. Both
take a JSON file, or its members as a table.

  [[case]]
  name    = "docker exec --privileged gives no capability"
  config  = "web/config.json"
  exec    = { args = ["sh"], capabilities = { bounding = ["CAP_SYS_ADMIN"] } }
  verdict = "rewrite"

Where a case has findings, nothing else may be denied or rewritten. It may also
have a patch, a JSON Patch in a string.

Exit codes: 0 every case passes; 1 some fail; 2 a case or policy cannot be read;
3 internal error.`,
		Example: `  runwardctl policy test ./policies
  runwardctl policy test -o junit > report.xml`,
		Annotations: map[string]string{formatsKey: "junit,sarif"},
		RunE:        func(_ *cobra.Command, args []string) error { return a.runPolicyTest(args) },
	}
}

func (a *app) runPolicyTest(names []string) error {
	if len(names) == 0 {
		names = []string{"."}
	}
	paths, err := policycases.Find(names)
	if err != nil {
		return configuration(err)
	}
	report := policycases.Report{Cases: []policycases.Result{}}
	for _, path := range paths {
		file, err := policycases.Read(path)
		if err != nil {
			return configuration(err)
		}
		results, err := file.Run(rules.All, customrule.Compile)
		if err != nil {
			return configuration(err)
		}
		report.Add(results...)
	}
	if report.Failed > 0 {
		a.code = exitFindings
	}
	switch a.output {
	case "junit":
		return report.JUnit(a.out)
	case "sarif":
		return report.SARIF(a.out, config.Version)
	}
	return a.print(report, report.Text)
}
