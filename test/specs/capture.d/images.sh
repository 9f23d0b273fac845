# Images made from busybox-static, as a `docker save` archive, which every engine can load.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of ../capture

build_images() {
	local root=$work/image/root
	mkdir -p "$root"/{bin,etc,data,tmp,root,home/app}
	cp "$(command -v busybox)" "$root/bin/busybox"
	local applet
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\napp:x:1000:\nextra:x:2000:app\n' >"$root/etc/group"
	tar -C "$root" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf "$work/image/layer.tar" .

	local path='"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]'
	build_image localhost/busybox "{$path, \"Cmd\": [\"sh\"]}"
	build_image localhost/pause "{$path, \"Entrypoint\": [\"sleep\", \"2147483647\"]}"
	build_image localhost/app '{"Env": ["PATH=/bin", "TOKEN_FILE=/data/token"], "User": "app",
		"WorkingDir": "/home/app", "Entrypoint": ["env"], "StopSignal": "SIGQUIT",
		"Volumes": {"/data": {}}, "Labels": {"org.opencontainers.image.title": "app",
		"io.kubernetes.cri.container-type": "sandbox"}}'
	images=$work/image/images.tar
	jq -s . "$work"/image/*.manifest >"$work/image/manifest.json"
	(cd "$work/image" && tar -cf images.tar manifest.json layer.tar -- *.config)
}

build_image() { # NAME CONFIG
	local file=${1##*/} id
	id=$(sha256sum "$work/image/layer.tar")
	jq -n --argjson config "$2" --arg diff "sha256:${id%% *}" '{architecture: "amd64", os: "linux",
		created: "2024-01-01T00:00:00Z", config: $config, rootfs: {type: "layers", diff_ids: [$diff]}}' \
		>"$work/image/$file.config"
	jq -n --arg config "$file.config" --arg tag "$1:latest" \
		'{Config: $config, RepoTags: [$tag], Layers: ["layer.tar"]}' >"$work/image/$file.manifest"
}
