# containerd's own client, `ctr run`, on a private containerd.
# shellcheck shell=bash disable=SC2154 # variables of ../capture

capture_ctr() {
	begin ctr "$(ctr --version | awk '{print $3}')"
	start_containerd
	ctr images import "$images" >/dev/null
	jq '.syscalls += [{"names": ["mkdirat"], "action": "SCMP_ACT_LOG"}]' \
		/usr/share/containers/seccomp.json >/run/seccomp.json

	task default
	task privileged --privileged
	task cap-add --cap-add CAP_NET_ADMIN --cap-add CAP_SYS_TIME
	task cap-drop --cap-drop CAP_NET_RAW --cap-drop CAP_CHOWN
	task net-host --net-host
	task mount-bind --mount type=bind,src=/srv/data,dst=/data,options=rbind:ro
	task mount-host-etc --mount type=bind,src=/etc,dst=/host,options=rbind:rw
	task seccomp --seccomp
	task seccomp-custom --seccomp --seccomp-profile /run/seccomp.json
	task read-only --read-only
	task memory-limit --memory-limit 67108864
	task cpus --cpus 0.5
	task userns --uidmap 0:300000:65536 --gidmap 0:300000:65536
	task rootfs-propagation --rootfs-propagation rshared
	task no-pivot --no-pivot
	task runc-root --runc-root /run/other
	task env --env A=1 --env 'B=two words' --cwd /tmp
	task device --device /dev/fuse
	task label --label com.example.team=blue
	task annotation --annotation com.example.team=blue
	task image-user -- localhost/app:latest
	task with-ns --with-ns pid:/proc/1/ns/pid --with-ns network:/proc/1/ns/net
	task cgroup --cgroup /tenants/one
	task allow-new-privs --allow-new-privs
	expect exec -- sh -c "ctr run -d localhost/busybox:latest e sleep 100 &&
		ctr tasks exec --exec-id x --user 1000 e true && ctr tasks delete -f e && ctr containers delete e"
	kill "$containerd"
	finish
}

task() { # NAME OPTION... [-- IMAGE]
	local name=$1 options=() image=localhost/busybox:latest
	shift
	while [ $# -gt 0 ]; do
		[ "$1" != -- ] || { image=$2 && break; }
		options+=("$1") && shift
	done
	expect "$name" -- ctr run --rm "${options[@]}" "$image" "$name" true
}

start_containerd() { # sets containerd to its pid
	mkdir -p /etc/containerd
	cat >/etc/containerd/config.toml <<-TOML
		version = 2
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "localhost/pause:latest"
		[plugins."io.containerd.grpc.v1.cri".cni]
		  bin_dir = "/usr/lib/cni"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		  runtime_type = "io.containerd.runc.v2"
		  pod_annotations = ["com.example.*"]
		  container_annotations = ["com.example.*"]
	TOML
	containerd >"$work/containerd.log" 2>&1 &
	containerd=$!
	answers ctr version || { tail -n 20 "$work/containerd.log" >&2 && fail "containerd does not start"; }
}

answers() { # COMMAND: until it succeeds, at most 30 s
	local end=$((SECONDS + 30))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}
