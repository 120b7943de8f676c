#!/usr/bin/env bash
# Puts and reads against Holdfast and etcd, in turn, on this machine; every member keeps its log on the disk that holds
# build/. Prints a line per measurement. Needs: etcd and etcdctl (apt-get install etcd-server etcd-client).
# Usage: bench/kv/run.sh [ROUNDS] [SECONDS] [MEMBERS...]
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-3} seconds=${2:-5}
shift $(($# < 2 ? $# : 2))
sizes=(${*:-1 3})
load=build/release/bin/kv_load
directory=$(mktemp -d build/bench-kv-XXXXXX)
pids=()

stop() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  pids=()
}
trap 'stop; rm -rf "$directory"' EXIT

start() {  # SYSTEM MEMBERS
  local cluster="" i
  endpoints=""
  for i in $(seq "$2"); do
    cluster+=",m$i=http://127.0.0.1:$((7620 + i))"
    endpoints+=",127.0.0.1:$((7610 + i))"
  done
  endpoints=${endpoints#,}
  local program="etcd"
  [ "$1" = etcd ] || program="build/release/holdfast serve"
  for i in $(seq "$2"); do
    $program --name="m$i" --data-dir="$directory/$1-$2-m$i" \
      --listen-client-urls="http://127.0.0.1:$((7610 + i))" --advertise-client-urls="http://127.0.0.1:$((7610 + i))" \
      --listen-peer-urls="http://127.0.0.1:$((7620 + i))" --initial-advertise-peer-urls="http://127.0.0.1:$((7620 + i))" \
      --initial-cluster="${cluster#,}" --initial-cluster-token="bench-$1-$2" >"$directory/$1-$2-m$i.log" 2>&1 &
    pids+=($!)
  done
  for _ in $(seq 100); do
    ETCDCTL_API=3 etcdctl --endpoints="$endpoints" endpoint health >"$directory/health" 2>&1 && return
    sleep 0.2
  done
  cat "$directory/health" >&2
  return 1
}

for members in "${sizes[@]}"; do
  for round in $(seq "$rounds"); do
    for system in holdfast etcd; do
      rm -rf "$directory/$system-$members"*
      start "$system" "$members"
      servers=$(IFS=,; echo "${pids[*]}")
      connections=$((4 * members))
      "$load" fill "$endpoints" "$servers" 256 "$connections" 8 >/dev/null
      for kind in put get stale-get; do
        for outstanding in 64 256; do
          printf '%d member(s) %-9s %3d outstanding  %-9s' "$members" "$kind" "$outstanding" "$system"
          "$load" "$kind" "$endpoints" "$servers" "$outstanding" "$connections" "$seconds"
        done
      done
      stop
    done
  done
done
