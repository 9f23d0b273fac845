# What `runc spec` and `crun spec` write for people who start without an engine.
# shellcheck shell=bash disable=SC2154 # variables of ../capture

capture_runc() {
	begin runc "$(runc --version | awk 'NR == 1 {print $3}')"
	template default runc spec
	template rootless runc spec --rootless
	finish
}

capture_crun() {
	begin crun "$(crun --version | awk 'NR == 1 {print $3}')"
	template default crun spec
	template rootless crun spec --rootless
	finish
}

template() { # NAME COMMAND: no runtime is called, so there is nothing but the file
	local case=$1 empty=$work/template-$engine-$1
	shift
	mkdir "$empty"
	(cd "$empty" && "$@")
	jq -n '{runtime: "", root: "", bundle: "", bundle_owner: "", config_owner: "", parent: "", parent_exe: "",
		cwd: "", arguments: []}' >"$empty/call.json"
	stage "$case" "$empty" "$*"
}
