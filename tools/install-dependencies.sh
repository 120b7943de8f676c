#!/usr/bin/env bash
# Installs through apt what building and testing need and what is missing. Sourced by ./quickstart and ./test; can also
# be run by itself. Does nothing, and asks for no rights, when everything is there.
set -euo pipefail

holdfast_packages=(
  build-essential python3 cmake ninja-build ccache pkg-config
  libabsl-dev libprotobuf-dev protobuf-compiler libgrpc++-dev protobuf-compiler-grpc libnghttp2-dev libasio-dev
  libssl-dev libsodium-dev libzstd-dev libisal-dev libxxhash-dev libcli11-dev libspdlog-dev libfmt-dev libtomlplusplus-dev
  nlohmann-json3-dev libgtest-dev libgmock-dev libbenchmark-dev etcd-client
)

holdfast_missing() {
  local package
  for package in "${holdfast_packages[@]}"; do
    dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' || echo "$package"
  done
}

holdfast_install() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "This machine has no apt. Install the equivalents of these Debian 12 packages, then build with:" >&2
    echo "  cmake --preset release && cmake --build --preset release" >&2
    echo "Packages: ${holdfast_packages[*]}" >&2
    return 1
  fi
  local missing
  mapfile -t missing < <(holdfast_missing)
  [ ${#missing[@]} -eq 0 ] && return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "These packages are missing, and installing them takes the rights of root (there is no sudo). Let root run:" >&2
      echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "Installing ${#missing[@]} packages: ${missing[*]}"
  # A machine that has just started may still install its own updates: their lock is waited for.
  if ! "${as_root[@]}" apt-get update -qq ||
    ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      -o DPkg::Lock::Timeout=300 "${missing[@]}" >/dev/null; then
    echo "The packages could not be installed; apt says above why. They come from Debian's package servers, so this" >&2
    echo "machine needs a network, or a mirror in /etc/apt/sources.list. Then run this again: nothing is lost." >&2
    return 1
  fi
}

holdfast_install
