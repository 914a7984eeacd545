#!/usr/bin/env bash
# Makes sure that the foreign peers which the tests use are there. Idempotent.
#
# Packages are installed only in CI (CI=true) or when asked (WELLKEEPER_INSTALL=1);
# otherwise what is missing is named, and the tests that need it skip with a reason.
set -euo pipefail

packages=(
  postgresql-15            # central database of the sync tests
  chromium fonts-dejavu-core # browser tests, and letters to measure
  mbpoll libmodbus5        # Modbus peers that we did not write
  tshark                   # decodes what goes over the wire
  python3 python3-pymodbus python3-serial python3-serial-asyncio
  systemd shellcheck       # systemd-analyze for the unit, shellcheck for the scripts
  xfsprogs                 # forced shutdown of a file system in the store tests
)

missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "${CI:-}" != true ] && [ "${WELLKEEPER_INSTALL:-}" != 1 ]; then
  echo "deps: missing ${missing[*]}; tests that need them are skipped (make deps installs them)" >&2
  exit 0
fi

sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -q
"${sudo[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"
