#!/usr/bin/env bash
# Everything that a fresh machine needs, then every check and test. The last line says how many tests passed and failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

results=$(mktemp)
trap 'rm -f "$results"' EXIT

step() { printf '\n== %s\n' "$*"; }

step 'install'
scripts/install.sh
scripts/install-redis.sh

step 'lint: format, rules, types'
npm run --silent lint

step 'build'
npm run --silent build

step 'test'
status=0
npm test --silent -- --json --outputFile="$results" >/dev/null || status=$?

if [ ! -s "$results" ]; then
  echo 'the tests did not run' >&2
  exit "$status"
fi

# Suites that did not even load count as failed too: their tests are in no other number.
node -e '
  const results = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = results;
  console.log("\n%d passed, %d failed", numPassedTests, numFailedTests + numRuntimeErrorTestSuites);
' "$results"
exit "$status"
