#!/usr/bin/env bash
# Builds the release archives in dist/: for each target a tar.gz with the static program,
# unit, configuration, documents, bill of materials and licences, and SHA256SUMS over all.
# The same commit and Go give the same bytes; --check builds everything twice to prove it.
#
#   scripts/dist.sh [--check] [TARGET…]     TARGET: amd64, arm64, armv7 (all where none is named)
#
# Environment: VERSION (git describe), OUT (dist).
set -euo pipefail
cd "$(dirname "$0")/.."

check=
[ "${1:-}" = --check ] && { check=1; shift; }
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(amd64 arm64 armv7)
VERSION=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo unknown)}
OUT=${OUT:-dist}
# Every time in the archives is the commit's.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
most_mb=25

# build compiles one target. Nothing of this machine or its settings gets in.
build() { # TARGET FILE
  local arch=$1 arm=
  [ "$arch" = armv7 ] && arch=arm arm=7
  env -u GOFLAGS -u GOEXPERIMENT CGO_ENABLED=0 GOOS=linux GOARCH="$arch" GOARM="$arm" GOAMD64=v1 \
    go build -trimpath -buildvcs=false \
    -ldflags "-s -w -buildid= -X wellkeeper.internal/appliance/command.version=$VERSION" -o "$2" .
}

# pack makes the archive of one target in a folder and prints its name.
pack() { # TARGET FOLDER
  local name=wellkeeper-$VERSION-linux-$1 root
  root=$2/$name
  mkdir -p "$root/systemd" "$root/docs"
  build "$1" "$root/wellkeeper"
  "$sbom" "$root/wellkeeper" "$VERSION" web/ui/static/vendor "$root/wellkeeper.cdx.json" "$root/LICENCES.txt"
  cp LICENSE CHANGELOG.md scripts/install.sh configs/default.yaml "$root/"
  cp configs/systemd/* "$root/systemd/"
  cp -r configs/profiles "$root/profiles"
  if [ -d configs/examples ]; then cp -r configs/examples "$root/examples"; fi
  cp docs/quickstart.md docs/operations.md docs/configuration.md docs/profiles.md "$root/docs/"
  find "$root" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
  chmod 755 "$root/wellkeeper" "$root/install.sh"
  tar --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    -C "$2" -cf - "$name" | gzip -9n >"$2/$name.tar.gz"
  rm -r "$root"
  printf '%s\n' "$name.tar.gz"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sbom=$work/sbom
go build -o "$sbom" ./scripts/sbom

mkdir -p "$OUT"
rm -f "$OUT"/wellkeeper-*.tar.gz "$OUT"/wellkeeper-*.cdx.json "$OUT/SHA256SUMS"
for target in "${targets[@]}"; do
  mkdir "$work/$target"
  archive=$(pack "$target" "$work/$target")
  if [ -n "$check" ]; then
    mkdir "$work/again"
    # A cold cache and another folder: what is left of either would show.
    (cp -r . "$work/source" && cd "$work/source" && GOCACHE=$work/cache pack "$target" "$work/again" >/dev/null)
    cmp "$work/$target/$archive" "$work/again/$archive" || { echo "dist: $target is not reproducible" >&2; exit 1; }
    rm -rf "$work/again" "$work/source" "$work/cache"
  fi
  mv "$work/$target/$archive" "$OUT/"
  tar -xzf "$OUT/$archive" -O "${archive%.tar.gz}/wellkeeper.cdx.json" >"$OUT/${archive%.tar.gz}.cdx.json"
  bytes=$(tar -xzf "$OUT/$archive" -O "${archive%.tar.gz}/wellkeeper" | wc -c)
  mb=$(awk "BEGIN { printf \"%.1f\", $bytes / 1000000 }")
  verdict=$(awk "BEGIN { print ($bytes <= $most_mb * 1000000) ? \"pass\" : \"fail\" }")
  echo "goal app.binary-mb-$target $mb MB <=$most_mb $verdict"
  [ "$verdict" = pass ]
done
(cd "$OUT" && sha256sum wellkeeper-*.tar.gz wellkeeper-*.cdx.json >SHA256SUMS)
ls -l "$OUT"
