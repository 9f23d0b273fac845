# buildah run: a step of an image's build.
# shellcheck shell=bash disable=SC2154 # variables of ../capture

capture_buildah() {
	begin buildah "$(buildah --version | awk '{print $3}')"
	buildah pull -q "docker-archive:$images:localhost/busybox:latest" >/dev/null
	buildah from -q --name b localhost/busybox >/dev/null

	step default
	step user --user 1000:1000
	step cap-drop-add --cap-drop all --cap-add NET_BIND_SERVICE
	step volume -v /srv/data:/data:ro
	step mount-tmpfs --mount type=tmpfs,target=/scratch
	step network-host --network host
	step network-none --network none
	step env --env A=1 --workingdir /tmp --hostname builder
	step no-pivot --no-pivot
	step terminal --terminal=false
	expect build -- sh -c 'printf "FROM localhost/busybox\nRUN id\n" | buildah build -q -f - /srv/data'
	expect build-limits -- sh -c 'printf "FROM localhost/busybox\nRUN id\n" |
		buildah build -q --memory 64m --cpu-shares 512 --ulimit nofile=1024:1024 --security-opt seccomp=unconfined -f - /srv/data'
	finish
}

step() { # NAME OPTION...
	local name=$1
	shift
	expect "$name" -- buildah run "$@" b true
}
