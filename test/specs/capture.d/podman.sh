# podman, as root, with its own storage, network and conmon.
# shellcheck shell=bash disable=SC2154 # variables of ../capture

capture_podman() {
	begin podman "$(podman --version | awk '{print $3}')"
	podman load -q -i "$images" >/dev/null
	# A profile as people write it: what the engine ships, plus one more action.
	jq '.syscalls += [{"names": ["mkdirat"], "action": "SCMP_ACT_LOG"}]' \
		/usr/share/containers/seccomp.json >/run/seccomp.json
	podman volume create data >/dev/null

	pod default
	pod user-1000 --user 1000
	pod user-group-add --user app --group-add extra --group-add 3000
	pod image-user-volume-labels -- localhost/app
	pod cap-drop-all --cap-drop all
	pod cap-add --cap-add NET_ADMIN,SYS_TIME
	pod cap-drop-add --user 1000 --cap-drop all --cap-add NET_BIND_SERVICE
	pod read-only --read-only
	pod read-only-no-tmpfs --read-only --read-only-tmpfs=false
	pod privileged --privileged
	pod named-volume -v data:/data
	pod host-etc -v /etc:/host:ro
	pod host-data-shared -v /srv/data:/data:rw,shared
	pod host-root -v /:/host:rslave
	pod mount-bind --mount type=bind,source=/srv/data,target=/data,readonly,bind-propagation=rprivate
	pod pid-host --pid host
	pod network-host --network host
	pod network-none --network none
	pod ipc-host --ipc host
	pod uts-host --uts host
	pod cgroupns-host --cgroupns host
	pod userns-auto --userns auto
	pod userns-mapped --uidmap 0:300000:65536 --gidmap 0:300000:65536
	pod device --device /dev/fuse:/dev/fuse:rw
	pod device-cgroup-rule --device-cgroup-rule 'c 10:* rmw'
	pod no-new-privileges --security-opt no-new-privileges
	pod seccomp-unconfined --security-opt seccomp=unconfined
	pod seccomp-custom --security-opt seccomp=/run/seccomp.json
	pod unmask-all --security-opt unmask=ALL
	pod mask --security-opt mask=/proc/version
	pod label-disable --security-opt label=disable
	pod resources --memory 64m --cpus 0.5 --pids-limit 64 --cpuset-cpus 0
	pod memory-reservation --memory 64m --memory-reservation 32m --oom-score-adj 500
	pod sysctl --sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=65536
	pod ulimit --ulimit nofile=1024:1024 --ulimit core=0
	pod tmpfs --tmpfs /scratch:size=1m,noexec --shm-size 1m
	pod init --init
	pod systemd-always --systemd=always
	pod annotation --annotation com.example.team=blue --annotation io.kubernetes.cri.sandbox-namespace=kube-system
	pod env --env A=1 --env 'B=two words' --workdir /tmp --hostname web
	pod terminal --tty
	pod cgroup-parent --cgroup-parent /tenants
	pod publish -p 8080:80
	# Where crun is installed podman prefers it.
	expect crun -- podman run --rm localhost/busybox true
	# podman refuses this with runc, by the name of the runtime.
	expect crun-cgroups-disabled -- podman --runtime crun run --rm --cgroups disabled localhost/busybox true
	expect exec -- sh -c 'podman --runtime runc run -d --name e localhost/busybox sleep 100 &&
		podman exec -u 1000 e id && podman exec --privileged e true && podman rm -ft0 e'
	expect pod-infra pod-member -- sh -c 'podman --runtime runc pod create --name p --infra-image localhost/pause &&
		podman --runtime runc run --pod p localhost/busybox true && podman pod rm -ft0 p'
	finish
}

pod() { # NAME OPTION... [-- IMAGE]
	local name=$1 options=() image=localhost/busybox
	shift
	while [ $# -gt 0 ]; do
		[ "$1" != -- ] || { image=$2 && break; }
		options+=("$1") && shift
	done
	expect "$name" -- podman --runtime runc run --rm "${options[@]}" "$image" true
}
