# For script/container-test: images without a registry. A base out of debootstrap and the host's toolchain, an image store of its
# own below the cache, and how far this machine lets containers be contained.
# shellcheck shell=bash

CONTAINER_CACHE="$PARAPET_CACHE/container"
DEBIAN=localhost/parapet-test/debian
RUST=localhost/parapet-test/rust
IMAGE=localhost/parapet

# Sets up buildah and podman: their storage apart from that of the user, so that it can be measured and thrown away.
container_tools() {
  # buildah builds, podman runs with runc: crun refuses machines that mix the two versions of cgroups.
  need_packages buildah debootstrap podman runc python3-yaml
  mkdir -p "$CONTAINER_CACHE"
  cat >"$CONTAINER_CACHE/storage.conf" <<TOML
[storage]
driver = "$(overlay_works && echo overlay || echo vfs)"
graphroot = "$CONTAINER_CACHE/storage"
runroot = "/run/parapet-container-test"
TOML
  # The engine's own limits are above those of some sandboxes, which may not be raised there.
  cat >"$CONTAINER_CACHE/containers.conf" <<TOML
[containers]
default_ulimits = ["nofile=$(least "$(ulimit -Hn)" 16384)", "nproc=$(least "$(ulimit -Hu)" 4096)"]
[engine]
runtime = "runc"
events_logger = "none"
TOML
  export CONTAINERS_STORAGE_CONF="$CONTAINER_CACHE/storage.conf" CONTAINERS_CONF="$CONTAINER_CACHE/containers.conf"
  # A build needs root in its own tree and the network, no isolation from a machine that is thrown away; this works anywhere.
  export BUILDAH_ISOLATION=chroot
}

# A limit as engines want it, soft and hard: the smaller one of what the machine allows and what is enough.
least() {
  local limit="$2"
  [ "$1" = unlimited ] || [ "$1" -ge "$2" ] || limit="$1"
  printf '%s:%s' "$limit" "$limit"
}

overlay_works() {
  local probe ok=1; probe="$(mktemp -d "$CONTAINER_CACHE/overlay.XXXXXX")"
  mkdir "$probe"/{low,up,work,all}
  if mount -t overlay overlay -o "lowerdir=$probe/low,upperdir=$probe/up,workdir=$probe/work" "$probe/all" 2>/dev/null; then
    umount "$probe/all"; ok=0
  fi
  rm -rf "$probe"
  return "$ok"
}

# Debian's own sources of this machine, as one-line entries: its mirror is whatever the machine is set up with.
debian_sources() {
  apt-get indextargets --format '$(ORIGIN)|deb $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
    sed -n 's/^Debian|\(deb .* bookworm[-a-z]* main\)$/\1/p' | sort -u
}

# The two base images, once: Debian 12, and the same with the host's Rust toolchain in its path.
container_bases() {
  local container sources mirror
  if ! buildah inspect --type image "$DEBIAN" >/dev/null 2>&1; then
    sources="$(debian_sources)"
    mirror="$(awk '$3 == "bookworm" { print $2; exit }' <<<"$sources")"
    [ -n "$mirror" ] || die "this machine's apt knows no mirror of Debian 12 (bookworm), which the base image is made from"
    note "base: Debian 12 by debootstrap (about a minute)"
    rm -rf "$CONTAINER_CACHE/debian"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$CONTAINER_CACHE/debian" "$mirror" >"$CONTAINER_CACHE/debootstrap.log" ||
      die "debootstrap failed: see $CONTAINER_CACHE/debootstrap.log"
    printf '%s\n' "$sources" >"$CONTAINER_CACHE/debian/etc/apt/sources.list"
    # What this machine trusts, its containers trust: a proxy in between may sign with a certificate of its own.
    cp /etc/ssl/certs/ca-certificates.crt "$CONTAINER_CACHE/debian/etc/ssl/certs/ca-certificates.crt"
    container="$(buildah from scratch)"
    buildah copy --quiet "$container" "$CONTAINER_CACHE/debian" / >/dev/null
    buildah config --cmd /bin/bash "$container"
    buildah commit --quiet --rm "$container" "$DEBIAN" >/dev/null
    rm -rf "$CONTAINER_CACHE/debian"
  fi
  # The toolchain is mounted, at its own place, not copied: 1.4 GB less.
  container="$(buildah from "$DEBIAN")"
  buildah config --env CARGO_HOME="$(cargo_home)" --env PATH="$(rustc --print sysroot)/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "$container"
  buildah commit --quiet --rm "$container" "$RUST" >/dev/null
}

cargo_home() { printf '%s' "${CARGO_HOME:-$HOME/.cargo}"; }

# What a build mounts: the toolchain, the crates that are there, RocksDB and ONNX Runtime out of the cache, and a target folder that
# stays, so that only what changed is compiled. Each is used only where the container has the same C library as this machine.
build_volumes() {
  local cache="$CONTAINER_CACHE/build" target="$CONTAINER_CACHE/target" sysroot
  sysroot="$(rustc --print sysroot)"
  . /etc/os-release
  [ "${VERSION_CODENAME:-}" != bookworm ] || cache="$PARAPET_CACHE"
  mkdir -p "$cache" "$(cargo_home)/registry"
  # The target folder is the container's own: one that is shared would mix the artefacts of two states of the sources. But what this
  # machine has compiled of other people's crates is a good start.
  if [ ! -d "$target" ]; then
    mkdir -p "$target.part"
    [ "$cache" != "$PARAPET_CACHE" ] || [ ! -d "$CARGO_TARGET_DIR/release" ] || cp -a "$CARGO_TARGET_DIR/release" "$target.part/"
    mv "$target.part" "$target"
  fi
  printf '%s\n' --build-arg "CACHE=$cache" --volume "$cache:$cache" --volume "$target:$cache/target" \
    --volume "$(cargo_home)/registry:$(cargo_home)/registry" --volume "$sysroot:$sysroot:ro"
}
