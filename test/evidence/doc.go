// Package evidence tests what leaves the node against what is not ours: rsyslog,
// the OpenTelemetry collector's receiver, and the schema of OCSF.
package evidence
