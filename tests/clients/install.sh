#!/usr/bin/env bash
# Installs what the tests and benchmarks with real clients need and is missing: Debian packages (as root), npm and Python
# packages in this directory. Exits with 1 if something cannot be had.
set -uo pipefail
cd "$(dirname "$0")"

missing=()
command -v "${SLUICE_CHROMIUM:-chromium}" >/dev/null || missing+=(chromium)
command -v "${SLUICE_FIREFOX:-firefox-esr}" >/dev/null || missing+=(firefox-esr)
command -v npm >/dev/null || missing+=(nodejs npm)
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
compgen -G '/usr/lib/postgresql/*/bin/pg_ctl' >/dev/null || missing+=(postgresql)
if (( ${#missing[@]} )); then
  (( EUID == 0 )) || { echo "missing: ${missing[*]} (install them, or run as root)" >&2; exit 1; }
  # The tests start servers of their own: Debian's package is to start none.
  [[ " ${missing[*]} " != *" postgresql "* || -e /etc/postgresql-common/createcluster.conf ]] || {
    mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
  }
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold "${missing[@]}" || exit 1
fi
# A lock file or requirements newer than the installation means: install again.
if [[ ! -e node_modules/.installed || package-lock.json -nt node_modules/.installed ]]; then
  npm ci --no-audit --no-fund --loglevel=error && touch node_modules/.installed || exit 1
fi
if [[ ! -e .venv/.installed || requirements.txt -nt .venv/.installed ]]; then
  python3 -m venv .venv && .venv/bin/python -m pip install --quiet -r requirements.txt && touch .venv/.installed || exit 1
fi
