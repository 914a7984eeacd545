#!/usr/bin/env bash
# Formatting, modernizers, linters and the import DAG, for both Go modules.
set -euo pipefail
cd "$(dirname "$0")/.."

lint=(go tool "-modfile=$PWD/scripts/tools/go.mod" golangci-lint)

if ! fixes=$(go fix -diff ./...) || [ -n "$fixes" ]; then
  printf '%s\n' "$fixes"
  echo "lint: run 'go fix ./...'" >&2
  exit 1
fi
"${lint[@]}" fmt --diff ./...
"${lint[@]}" run ./...
(cd web/uitest && "${lint[@]}" run --config ../../.golangci.yml ./...)

long=$(git ls-files '*.go' | xargs wc -l | awk '$2 != "total" && $1 > 500 { print $2 ": " $1 " lines" }')
if [ -n "$long" ]; then
  printf '%s\n' "$long"
  echo "lint: split files of more than 500 lines" >&2
  exit 1
fi
if git grep -nE 'TODO|FIXME|XXX' -- '*.go' '*.sql' '*.js' '*.css' '*.html'; then
  echo "lint: finish what is marked above" >&2
  exit 1
fi
