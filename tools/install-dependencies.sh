#!/usr/bin/env bash
# Installs through apt what building and testing need and what is missing. Sourced by ./quickstart and ./test.
set -euo pipefail

holdfast_packages=(
  build-essential python3 cmake ninja-build ccache pkg-config
  libabsl-dev libprotobuf-dev protobuf-compiler libgrpc++-dev protobuf-compiler-grpc libnghttp2-dev libasio-dev
  libssl-dev libzstd-dev libisal-dev libxxhash-dev libcli11-dev libspdlog-dev libfmt-dev libtomlplusplus-dev
  nlohmann-json3-dev prometheus-cpp-dev libgtest-dev libgmock-dev libbenchmark-dev librapidcheck-dev etcd-client
)

holdfast_install() {
  local missing=()
  for package in "${holdfast_packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "installing: ${missing[*]}"
  local sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
holdfast_install
