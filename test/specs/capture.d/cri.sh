# containerd's CRI plugin, asked as a kubelet asks: the sandbox's and the container's fields below
# are those that kubelet fills in. Each container's request.json is kept beside its spec.
# shellcheck shell=bash disable=SC2154,SC2016 # variables of ../capture, and of jq

capture_cri() {
	begin cri "$(containerd --version | awk '{print $3}')"
	start_containerd
	ctr -n k8s.io images import "$images" >/dev/null
	ready_for_pods

	pods default-sandbox default .
	pods host-network-sandbox host-network 'host_network'
	pods - host-pid-ipc 'both(.namespace_options |= (.pid = "NODE" | .ipc = "NODE"))'
	pods shared-pid-sandbox shared-pid 'both(.namespace_options.pid = "POD")'
	pods privileged-sandbox privileged 'both(.privileged = true) | container(del(.masked_paths, .readonly_paths))'
	pods node-agent-sandbox node-agent 'host_network | both(.privileged = true | .namespace_options.pid = "NODE") |
		container(del(.masked_paths, .readonly_paths)) |
		bind("/"; "/host"; {propagation: "PROPAGATION_HOST_TO_CONTAINER", readonly: true}) |
		bind("/lib/modules"; "/lib/modules"; {readonly: true})'
	pods restricted-sandbox restricted 'both(.run_as_user.value = 1000 | .run_as_group.value = 1000) | seccomp("RuntimeDefault") |
		container(.no_new_privs = true | .capabilities.drop_capabilities = ["ALL"] | .readonly_rootfs = true)'
	pods - run-as-user 'container(.run_as_user.value = 1000 | .supplemental_groups = [2000, 3000])'
	pods - capabilities 'container(.capabilities = {add_capabilities: ["NET_ADMIN", "SYS_TIME"], drop_capabilities: ["MKNOD"]})'
	pods - capabilities-all 'container(.capabilities.add_capabilities = ["ALL"])'
	pods - drop-all-add-bind 'container(.capabilities = {add_capabilities: ["NET_BIND_SERVICE"], drop_capabilities: ["ALL"]})'
	pods - readonly-rootfs 'container(.readonly_rootfs = true)'
	pods seccomp-default-sandbox seccomp-default 'seccomp("RuntimeDefault")'
	pods - seccomp-localhost 'container(.seccomp = {profile_type: "Localhost", localhost_ref: "/var/lib/kubelet/seccomp/audit.json"})'
	pods - proc-unmasked 'container(del(.masked_paths, .readonly_paths))'
	pods resources-sandbox resources '.container.linux.resources = {cpu_period: 100000, cpu_quota: 50000, cpu_shares: 512,
		memory_limit_in_bytes: 67108864, cpuset_cpus: "0", oom_score_adj: 984} |
		.sandbox.linux.resources = {cpu_shares: 512, memory_limit_in_bytes: 67108864}'
	pods sysctls-sandbox - '.sandbox.linux.sysctls = {"net.ipv4.ip_local_port_range": "1024 65535", "kernel.shm_rmid_forced": "1"}'
	pods - device '.container.devices = [{container_path: "/dev/fuse", host_path: "/dev/fuse", permissions: "rwm"}]'
	pods - volumes 'volume("configmap/settings"; "/etc/settings"; {readonly: true}) | volume("empty-dir/scratch"; "/scratch"; {}) |
		volume("secret/key"; "/etc/key"; {readonly: true}) | volume("csi/disk/mount"; "/disk"; {}) |
		bind("/var/lib/kubelet/pods/\($uid)/volume-subpaths/settings/app/0"; "/etc/one"; {readonly: true})'
	pods - host-path 'bind("/srv/data"; "/data"; {})'
	pods - host-path-etc 'bind("/etc"; "/host"; {readonly: true})'
	pods - host-path-socket 'bind("/run/containerd/containerd.sock"; "/run/containerd.sock"; {})'
	pods - propagation 'both(.privileged = true) | container(del(.masked_paths, .readonly_paths)) |
		bind("/srv/data"; "/data"; {propagation: "PROPAGATION_BIDIRECTIONAL"})'
	pods - image-user '.container.image.image = "localhost/app:latest" | .container.command = ["/bin/sleep", "1000"]'
	pods annotations-sandbox annotations '.sandbox.annotations += {"com.example.team": "blue", "io.kubernetes.cri.sandbox-namespace": "kube-system"} |
		.container.annotations += {"com.example.owner": "me", "io.kubernetes.cri.container-type": "sandbox"}'
	pods - terminal '.container.tty = true | .container.stdin = true'
	pods - exec '.exec = ["id"] | container(.run_as_user.value = 1000 | .no_new_privs = true)'
	pods - exec-privileged '.exec = ["id"] | both(.privileged = true) | container(del(.masked_paths, .readonly_paths))'
	kill "$containerd"
	finish
}

uid=3f5a8a7e-6c1d-4b8e-9d53-2a7c5f0e1b64

# What a kubelet and an installed network have prepared by the time a pod comes.
ready_for_pods() {
	local pod=/var/lib/kubelet/pods/$uid v
	mkdir -p /etc/cni/net.d "$pod/containers/app" "$pod/volume-subpaths/settings/app" /var/lib/kubelet/seccomp
	for v in configmap/settings empty-dir/scratch secret/key csi/disk/mount projected/kube-api-access; do
		mkdir -p "$pod/volumes/kubernetes.io~$v"
	done
	touch "$pod/etc-hosts" "$pod/containers/app/termination-log" "$pod/volume-subpaths/settings/app/0"
	echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["reboot"], "action": "SCMP_ACT_ERRNO"}]}' \
		>/var/lib/kubelet/seccomp/audit.json
	echo '{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "cni0",
		"isGateway": true, "ipMasq": true, "ipam": {"type": "host-local",
		"ranges": [[{"subnet": "10.244.0.0/24"}]]}}]}' >/etc/cni/net.d/10-pods.conflist
	answers network_ready || fail "containerd does not find its network"
}

network_ready() {
	"$client" -status | grep -qx 'NetworkReady true'
}

# pods SANDBOX CONTAINER FILTER: "-" as SANDBOX does not keep its spec; as CONTAINER creates none.
pods() {
	local names=("$1" "$2") request=$work/$1$2.json
	jq -n --arg uid $uid "$pod_language $pod | $3" >"$request"
	if [ "$2" = - ]; then
		names=("$1")
		jq 'del(.container)' "$request" >"$request.only" && mv "$request.only" "$request"
	fi
	shown="cri request.json: ${3//$'\n'/ }" expect "${names[@]}" -- "$client" "$request"
	[ "$1" = - ] || cp "$request" "$staged/$1/request.json"
	[ "$2" = - ] || cp "$request" "$staged/$2/request.json"
}

pod_language='
def sandbox(f): .sandbox.linux.security_context |= f;
def container(f): .container.linux.security_context |= f;
def both(f): sandbox(f) | container(f);
def host_network: both(.namespace_options.network = "NODE") | del(.sandbox.hostname);
def seccomp(p): both(.seccomp.profile_type = p);
def bind(from; to; more): .container.mounts += [{host_path: from, container_path: to} + more];
def volume(from; to; more): bind("/var/lib/kubelet/pods/\($uid)/volumes/kubernetes.io~\(from)"; to; more);
'
pod='
"/var/lib/kubelet/pods/\($uid)" as $dir |
{"io.kubernetes.pod.name": "web-0", "io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.uid": $uid} as $labels |
{network: "POD", pid: "CONTAINER", ipc: "POD"} as $namespaces |
{sandbox: {
	metadata: {name: "web-0", namespace: "shop", uid: $uid}, hostname: "web-0",
	log_directory: "/var/log/pods/shop_web-0_\($uid)", labels: ($labels + {app: "web"}),
	annotations: {"kubernetes.io/config.source": "api"},
	dns_config: {servers: ["10.96.0.10"], searches: ["shop.svc.cluster.local"], options: ["ndots:5"]},
	linux: {cgroup_parent: "/kubepods/burstable/pod\($uid)", security_context: {
		namespace_options: $namespaces, seccomp: {profile_type: "RuntimeDefault"}}}},
container: {
	metadata: {name: "app"}, image: {image: "localhost/busybox:latest"}, command: ["sleep", "1000"],
	envs: [{key: "KUBERNETES_SERVICE_HOST", value: "10.96.0.1"}], log_path: "app/0.log",
	labels: ($labels + {"io.kubernetes.container.name": "app"}),
	annotations: {"io.kubernetes.container.restartCount": "0"},
	mounts: [
		{host_path: "\($dir)/volumes/kubernetes.io~projected/kube-api-access", readonly: true,
			container_path: "/var/run/secrets/kubernetes.io/serviceaccount"},
		{host_path: "\($dir)/etc-hosts", container_path: "/etc/hosts"},
		{host_path: "\($dir)/containers/app/termination-log", container_path: "/dev/termination-log"}],
	linux: {resources: {cpu_period: 100000, cpu_shares: 102, oom_score_adj: 999}, security_context: {
		namespace_options: $namespaces, seccomp: {profile_type: "Unconfined"},
		masked_paths: ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
			"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"],
		readonly_paths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]}}}}
'
