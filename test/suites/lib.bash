# What the suites share: runward in runc's place where policy only audits, and
# the comparison of two runs, test by test. Sourced; the caller has set $work, a
# directory of its own.
# shellcheck shell=bash

say() { echo "${0##*/}: $*" >&2; }
fail() {
	say "$@"
	exit 1
}

# place TREE RUNC: builds runward from TREE for $work, in front of RUNC, and makes
# $work/place, where `runc` is put by `put TARGET`.
place() {
	make --no-print-directory -s -C "$1" runward runward-rules runwardctl BINDIR="$work/bin" \
		SYSCONFDIR="$work/etc" RUNDIR="$work/run" LOGDIR="$work/log" LIBDIR="$work/lib" >"$work/build.log" 2>&1 ||
		fail "runward cannot be built in $1: $(tail -n 3 "$work/build.log")"
	mkdir -p "$work/etc/runward/policy.d" "$work/place"
	printf 'mode = "audit"\n[runtime]\npath = "%s"\n' "$2" >"$work/etc/runward/runward.toml"
	printf 'version = 1\nname = "test"\nextends = ["restricted"]\n' >"$work/etc/runward/policy.d/10-test.toml"
}
put() { ln -sfn "$1" "$work/place/runc"; }

count() { cut -f2 "$1" | sort | uniq -c | awk '{n = $1; $1 = ""; printf "%s%s %d", sep, $0, n; sep = ","}'; }

# equal PLAIN AUDIT: two files of "test<TAB>result" lines; prints what is in
# them and fails if they differ, or if runward was not there at all.
equal() {
	[ -s "$1" ] || fail "no test was run"
	grep -q '"verdict"' "$work/log/receipts.jsonl" 2>/dev/null || fail "runward left no receipt: it was not in runc's place"
	echo "plain runc:       $(wc -l <"$1") tests:$(count "$1")"
	echo "runward, audit:   $(wc -l <"$2") tests:$(count "$2")"
	echo "receipts:         $(wc -l <"$work/log/receipts.jsonl")"
	if diff "$1" "$2" >"$work/diff"; then
		echo "equal, test by test"
		return 0
	fi
	echo "these differ (< plain runc, > runward):"
	grep '^[<>]' "$work/diff"
	return 1
}
