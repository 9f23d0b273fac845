# dockerd with its own containerd, bridge and iptables, all inside our network namespace.
# shellcheck shell=bash disable=SC2154 # variables of ../capture

capture_docker() {
	begin docker "$(dockerd --version | awk '{print $3}' | tr -d ,)"
	# Lowering its own OOM score needs CAP_SYS_RESOURCE and shows in no spec.
	dockerd --oom-score-adjust=0 >"$work/dockerd.log" 2>&1 &
	local dockerd=$!
	answers docker version || { tail -n 20 "$work/dockerd.log" >&2 && fail "dockerd does not start"; }
	docker load -q -i "$images" >/dev/null
	docker volume create data >/dev/null
	docker network create apps >/dev/null
	jq '.syscalls += [{"names": ["mkdirat"], "action": "SCMP_ACT_LOG"}]' \
		/usr/share/containers/seccomp.json >/run/seccomp.json

	docked default
	docked user-1000 --user 1000:1000
	docked user-group-add --user app --group-add extra --group-add 3000
	docked image-user-volume-labels -- localhost/app
	docked cap-drop-all --cap-drop ALL
	docked cap-add --cap-add NET_ADMIN --cap-add SYS_TIME
	docked cap-drop-add-user --user 1000 --cap-drop ALL --cap-add NET_BIND_SERVICE
	docked read-only --read-only --tmpfs /tmp
	docked privileged --privileged
	docked named-volume -v data:/data
	docked host-etc -v /etc:/host:ro
	docked docker-socket -v /var/run/docker.sock:/var/run/docker.sock
	docked mount-bind --mount type=bind,source=/srv/data,target=/data,readonly,bind-propagation=rshared
	docked pid-host --pid host
	docked network-host --network host
	docked network-none --network none
	docked network-custom --network apps -p 8080:80
	docked ipc-host --ipc host
	docked uts-host --uts host
	docked cgroupns-host --cgroupns host
	docked cgroupns-private --cgroupns private
	docked device --device /dev/fuse
	docked device-cgroup-rule --device-cgroup-rule 'c 10:* rmw'
	docked no-new-privileges --security-opt no-new-privileges
	docked seccomp-unconfined --security-opt seccomp=unconfined
	docked seccomp-custom --security-opt seccomp=/run/seccomp.json
	docked systempaths-unconfined --security-opt systempaths=unconfined
	docked apparmor-unconfined --security-opt apparmor=unconfined
	docked resources --memory 64m --cpus 0.5 --pids-limit 64 --cpuset-cpus 0
	docked oom-score-adj --oom-score-adj 500 --oom-kill-disable --memory 64m
	docked sysctl --sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=65536
	docked ulimit --ulimit nofile=1024:1024 --ulimit core=0
	docked tmpfs --tmpfs /scratch:size=1m,noexec --shm-size 1m
	docked init --init
	docked label --label io.kubernetes.cri.container-type=sandbox
	docked env --env A=1 --env 'B=two words' --workdir /tmp --hostname web
	docked terminal --tty
	docked cgroup-parent --cgroup-parent /tenants
	expect exec -- sh -c 'docker run -d --name held localhost/busybox sleep 100 &&
		docker exec -u 1000 held id && docker rm -f held'
	expect exec-privileged -- sh -c 'docker run -d --name held localhost/busybox sleep 100 &&
		docker exec --privileged held id && docker rm -f held'
	expect build -- sh -c 'printf "FROM localhost/busybox\nRUN id\n" | DOCKER_BUILDKIT=0 docker build -q -'
	expect build-buildkit -- sh -c 'printf "FROM localhost/busybox\nRUN id\n" | DOCKER_BUILDKIT=1 docker build -q -'
	kill "$dockerd"
	wait "$dockerd" || true
	finish
}

docked() { # NAME OPTION... [-- IMAGE]
	local name=$1 options=() image=localhost/busybox
	shift
	while [ $# -gt 0 ]; do
		[ "$1" != -- ] || { image=$2 && break; }
		options+=("$1") && shift
	done
	expect "$name" -- docker run --rm "${options[@]}" "$image" true
}
