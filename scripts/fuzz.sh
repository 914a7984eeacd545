#!/usr/bin/env bash
# Runs every fuzz target of the module for the time given (default 15s).
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-15s}

# fuzz runs one target. Go's fuzzer sometimes reports its own end of time as a failure
# ("context deadline exceeded") although it found nothing: what it finds it always
# writes down, so only a failure without such an input is passed over.
fuzz() {
  local dir=$1 target=$2 out
  echo "fuzz $dir $target"
  if out=$(go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$dir" 2>&1); then
    printf '%s\n' "$out" | tail -n 3
    return
  fi
  printf '%s\n' "$out"
  if grep -qE '^ +context deadline exceeded$' <<<"$out" && ! grep -qE 'Failing input|panic:|fuzzing process hung' <<<"$out"; then
    echo "fuzz: $target found nothing; its time had run out"
    return
  fi
  return 1
}

grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' . | sort | while read -r file; do
  grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | awk '{print $2}' | while read -r target; do
    fuzz "$(dirname "$file")" "$target"
  done
done
