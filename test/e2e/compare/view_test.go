//go:build e2e

package compare

// view is a shell script that prints what a process sees of itself and around.
const view = `tr '\0' ' ' </proc/$$/cmdline | head -c 20; echo
grep -E '^(Umask|Uid|Gid|Groups|SigBlk|SigIgn|SigCgt|Cap|NoNewPrivs|Seccomp)' /proc/self/status
id; pwd; hostname; env | sort
cat /proc/self/limits /proc/self/oom_score_adj /proc/self/cgroup /proc/self/mountinfo /proc/self/uid_map /proc/self/gid_map
cat /proc/self/attr/current 2>/dev/null; cat /proc/self/timerslack_ns /proc/self/personality 2>&1
for f in /proc/self/fd/*; do echo "${f##*/} $(readlink $f)"; done
ls -l /dev | awk '{print $1, $3, $4, $NF}'; ls /sys/fs/cgroup /proc/1/ns; umask; ulimit -a
cat /proc/1/comm; tty; awk '{print $18, $19, $40, $41}' /proc/self/stat
stat -c '%A %u:%g %n' /etc /proc/sys /tmp; touch /proc/sys/kernel/hostname 2>&1; cat /proc/kcore 2>&1 | head -c 100; cat /proc/self/coredump_filter
`
