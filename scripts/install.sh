#!/usr/bin/env bash
# Installs what a fresh clone lacks, and says what. Needs Node 20 or later and npm; does nothing where nothing is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for tool in node npm; do
  if ! command -v "$tool" >/dev/null; then
    echo "$tool is missing: install Node.js 20 or later, which brings it (https://nodejs.org)" >&2
    exit 1
  fi
done
if ! node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)'; then
  echo "Node.js 20 or later is needed, this is $(node --version)" >&2
  exit 1
fi

# npm writes this file when an install has ended: it is older than the lock file where the lock file has changed since.
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  echo 'the packages of package-lock.json are not installed: npm ci'
  npm ci --no-progress --loglevel=error
fi
