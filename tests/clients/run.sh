#!/usr/bin/env bash
# Runs the tests with clients that this project did not write, against a server binary or a running server.
#
#   tests/clients/run.sh [suite...]      suites: signalling hostile sdk chromium firefox python go (all when none is
#                                        named); a file such as chromium/call.test.js or python/test_media.py runs alone
#
# The server: SLUICE_URL with SLUICE_API_KEY and SLUICE_API_SECRET names one that runs; otherwise SLUICE_BIN is started
# on free ports (default: target/release/sluice, then target/debug/sluice). Installs what is missing (install.sh). Exits
# with 1 if any suite fails or exceeds its time.
set -uo pipefail
cd "$(dirname "$0")"
repository=$(cd ../.. && pwd)

readonly PYTHON=.venv/bin/python
declare -A LIMIT_S=([signalling]=180 [hostile]=240 [sdk]=120 [chromium]=600 [firefox]=300 [python]=300 [go]=480)
readonly ALL=(signalling hostile sdk chromium firefox python go)

find_server() {
  [[ -n ${SLUICE_URL:-} ]] && { echo "server: $SLUICE_URL"; return; }
  if [[ -z ${SLUICE_BIN:-} ]]; then
    for candidate in "$repository"/target/{release,debug}/sluice; do
      [[ -x $candidate ]] && { export SLUICE_BIN=$candidate; break; }
    done
  fi
  [[ -x ${SLUICE_BIN:-} ]] || { echo "no server: build one (cargo build --release), or set SLUICE_BIN or SLUICE_URL" >&2; exit 2; }
  echo "server: $SLUICE_BIN"
}

node_tests() {
  local limit=$1; shift
  timeout --kill-after=10 "$limit" node --test --test-concurrency=1 --test-reporter=spec "$@"
}

# A toolchain of one version, and no compiler of C: the SDK's parts that need one are not used.
go_tests() {
  local go=$PWD/.venv/bin/go
  (cd go && CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=readonly timeout --kill-after=10 "$1" "$go" test -count=1 -v ./...)
}

run_suite() {
  local limit=${LIMIT_S[${1%%/*}]:-}
  case $1 in
    python | python/*) timeout --kill-after=10 "$limit" "$PYTHON" -m pytest --tb=short "$1" ;;
    go) go_tests "$limit" ;;
    signalling | hostile | sdk | chromium | firefox) node_tests "$limit" "$1"/*.test.js ;;
    *.test.js) node_tests "$limit" "$1" ;;
    *) echo "no such suite: $1" >&2; return 2 ;;
  esac
}

find_server
./install.sh || exit 2
export SLUICE_TEST_LOGS=${SLUICE_TEST_LOGS:-$(mktemp -d -t sluice-client-tests.XXXXXX)}
failed=0
summary=()
for suite in "${@:-${ALL[@]}}"; do
  echo "== $suite"
  started=$SECONDS
  run_suite "$suite"
  status=$?
  verdict=passed
  (( status == 124 || status == 137 )) && verdict="TOOK TOO LONG"
  (( status != 0 && status != 124 && status != 137 )) && verdict=FAILED
  (( status != 0 )) && failed=1
  summary+=("$(printf '%-30s %-14s %4d s' "$suite" "$verdict" $((SECONDS - started)))")
done
echo
echo "== tests with real clients (server logs in $SLUICE_TEST_LOGS)"
printf '%s\n' "${summary[@]}"
exit "$failed"
