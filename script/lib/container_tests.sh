# For script/container-test: what is expected of the image.
# shellcheck shell=bash
#
# The containers run by podman and runc as an engine would run them: an own network, read-only root, no capabilities, no new
# privileges, the default seccomp filter. What is not shown here: a user namespace, and arm64.

# Without systemd podman can't set a timer for health checks, and says so each time; the tests ask for the checks themselves.
podman() { command podman --log-level fatal "$@"; }

# Every container and volume of a test is gone afterwards, however it ends.
sweep() {
  podman pod rm --all --force --time 0 >/dev/null 2>&1 || true
  podman rm --all --force --time 0 >/dev/null 2>&1 || true
  podman volume rm --all --force >/dev/null 2>&1 || true
  [ -z "${scratch:-}" ] || rm -rf "$scratch"
}
scratch="$(mktemp -d)"
trap sweep EXIT

# expect WHAT COMMAND…: the command succeeds.
expect() {
  local what="$1"; shift
  "$@" >"$scratch/said" 2>&1 || { cat "$scratch/said" >&2; die "not so: $what"; }
  note "ok: $what"
}
# refuse WHAT COMMAND…: the command fails.
refuse() {
  local what="$1"; shift
  if "$@" >"$scratch/said" 2>&1; then cat "$scratch/said" >&2; die "not so: $what"; fi
  note "ok: $what"
}
# within SECONDS WHAT COMMAND…: the command succeeds at last.
within() {
  local end=$((SECONDS + $1)) what="$2"; shift 2
  until "$@" >"$scratch/said" 2>&1; do
    [ "$SECONDS" -lt "$end" ] || { cat "$scratch/said" >&2; die "not so in time: $what"; }
    sleep 0.5
  done
  note "ok: $what"
}
inside() { podman exec "$@"; }
says() { local wanted="$1"; shift; [ "$("$@" | tr -d '\r')" = "$wanted" ]; }

the_image() {
  local about; about="$(podman image inspect --format '{{.User}} {{.HealthCheck.Test}} {{len .Config.Volumes}} {{.Config.StopSignal}}' "$IMAGE")"
  expect "user, health check, volumes and stop signal are set" test "$about" = "10001:10001 [CMD parapet status] 2 SIGTERM"
  local run=(podman run --rm --network none --entrypoint /bin/sh "$IMAGE" -c)
  expect "no file makes its user somebody else" says "" "${run[@]}" 'find / -xdev -type f -perm /6000 2>/dev/null'
  expect "no compiler, no package lists" "${run[@]}" '! command -v cc && ! ls /var/lib/apt/lists/* 2>/dev/null'
  expect "the program runs" podman run --rm --network none "$IMAGE" --version
  expect "its user can read what GStreamer knows of its plugins" "${run[@]}" 'test -r "$GST_REGISTRY"'
}

the_demo() {
  podman run --detach --name demo --health-interval=disable --read-only --read-only-tmpfs=false --tmpfs /tmp:mode=1777,size=64m \
    --cap-drop all --security-opt no-new-privileges --network none "$IMAGE" demo --for 20s --format json >/dev/null
  within 10 "health check: healthy" podman healthcheck run demo
  expect "it is not root" says 10001 inside demo id -u
  expect "it has no capabilities, may get none, and is under seccomp" inside demo sh -c \
    'grep -q "^CapEff:\s0*$" /proc/1/status && grep -q "^CapBnd:\s0*$" /proc/1/status && grep -q "^NoNewPrivs:\s1$" /proc/1/status && grep -q "^Seccomp:\s2$" /proc/1/status'
  expect "the root can't be written" inside demo sh -c '! touch /x && ! touch /usr/local/bin/x && ! touch /etc/x && touch /tmp/x'
  expect "it ends with code 0" says 0 podman wait demo
  podman logs demo >"$scratch/out" 2>"$scratch/err"
  expect "alerts and a clean summary" sh -c 'python3 script/lib/demo_output.py <"$1" || { cat "$2"; exit 1; }' _ "$scratch/out" "$scratch/err"
  note "$(cat "$scratch/said")"
  podman rm demo >/dev/null
}

# The services of compose.yaml in one pod: its own loopback is their network, and names lead there.
the_compose_site() {
  mosquitto_image
  mkdir -m 700 "$scratch/secrets"
  head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$scratch/secrets/mqtt-password"
  chmod 644 "$scratch/secrets/mqtt-password"
  podman pod create --name compose --network none --infra-image "$DEBIAN" --infra-command "/bin/sleep infinity" --infra-name infra >/dev/null
  printf '127.0.0.1 localhost mosquitto camera site\n' >"$scratch/hosts"
  service mosquitto localhost/parapet-test/mosquitto
  service camera "$IMAGE"
  local mqtt='-h 127.0.0.1 -u parapet -P "$(cat /run/secrets/mqtt-password)"'
  within 20 "the broker is healthy" podman healthcheck run mosquitto
  within 20 "the camera is healthy" podman healthcheck run camera
  inside mosquitto sh -c "mosquitto_sub $mqtt -t parapet/harbour/alerts -q 1 -C 1 -W 60" >"$scratch/alert" &
  local listener=$!
  service site "$IMAGE"
  within 20 "the site is healthy" podman healthcheck run site
  expect "its configuration has no errors" inside site parapet check --config /config
  within 45 "an alert comes" inside site sh -c 'parapet alerts --format json | grep -q person-at-dock'
  expect "it came over MQTT, too" wait "$listener"
  expect "as the site's" grep -q '"person-at-dock"' "$scratch/alert"
  expect "its picture lies in the volume" inside site sh -c 'find /data/evidence -name "*.jpg" | grep -q .'
  refuse "the broker takes nobody without a password" inside mosquitto mosquitto_pub -h 127.0.0.1 -t parapet/harbour/x -m x
  expect "nor anything outside of the site's topics" inside mosquitto sh -c \
    "mosquitto_pub -d -V mqttv5 -q 1 $mqtt -t elsewhere -m x 2>&1 | grep -qi 'RC:135\|not authori'"
  expect "it stops in order within its time" podman stop --time 15 site
  expect "with code 0" says 0 podman wait site
}

service() {
  local arguments
  mapfile -d '' -t arguments < <(python3 script/lib/compose_args.py deploy/compose.yaml "$1" "$2" "$scratch/secrets")
  [ ${#arguments[@]} -gt 0 ] || die "deploy/compose.yaml: the service $1 can't be read"
  podman run --detach --pod compose --name "$1" --volume "$scratch/hosts:/etc/hosts:ro" "${arguments[@]}" >/dev/null
}

# Debian's mosquitto, laid out as in the project's own image, which can't be fetched here.
mosquitto_image() {
  buildah inspect --type image localhost/parapet-test/mosquitto >/dev/null 2>&1 && return
  local container; container="$(buildah from "$DEBIAN")"
  buildah run --network host "$container" -- sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends mosquitto mosquitto-clients && rm -rf /var/lib/apt/lists/* &&
    install -d -o 1883 -g 1883 /mosquitto/config /mosquitto/data' >/dev/null 2>&1 || die "the broker's image can't be made"
  buildah commit --quiet --rm "$container" localhost/parapet-test/mosquitto >/dev/null
}
