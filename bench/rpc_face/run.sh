#!/usr/bin/env bash
# Runs the comparison of docs/decisions/0002-the-servers-face.md: servers in turn, several rounds, three placements.
# Usage: bench/rpc_face/run.sh [ROUNDS] [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=build/release/bin
rounds=${1:-3} seconds=${2:-4}
server=
trap '[ -z "$server" ] || kill "$server"' EXIT
for outstanding in 64 256; do
  for placement in "0 1" "0,1 0,1"; do
    read -r server_cores client_cores <<<"$placement"
    for _ in $(seq "$rounds"); do
      for what in "grpc" "lean protobuf" "lean wire" "face"; do
        read -r kind mode <<<"$what"
        taskset -c "$server_cores" "$bin/rpc_face_$kind" 7610 ${mode:-} & server=$!
        until (exec 3<>/dev/tcp/127.0.0.1/7610) 2>/dev/null; do sleep 0.05; done
        printf '%3d outstanding, server on %-3s client on %-3s %-14s' "$outstanding" "$server_cores" "$client_cores" "$what"
        taskset -c "$client_cores" "$bin/rpc_face_load" 7610 "$server" "$outstanding" 4 "$seconds"
        kill "$server"; wait "$server" 2>/dev/null || true; server=
      done
    done
  done
done
