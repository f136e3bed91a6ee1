#!/usr/bin/env bash
# Installs the peers that package registries offer: `benches/peers/install.sh`.
#
# Everything but Debian's packages goes below target/peers, which git ignores. What cannot be installed is written, with
# the reason, to target/peers/skipped.tsv, and run.py names it under its tables. Running it again installs only what is
# missing. A tool of Debian's that is on PATH already is used as it is.
set -uo pipefail
cd "$(dirname "$0")/../.."
readonly cache="$PWD/target/peers"
readonly skipped="$cache/skipped.tsv"
mkdir -p "$cache"
: >"$skipped"

readonly k6_version=1.1.0 locust_version=2.47.0 websocket_client_version=1.9.0
# The newest artillery that runs on Debian's Node 20 without complaint; 2.0.34 asks for Node 22.
readonly artillery_version=2.0.21 autocannon_version=9.0.0
readonly oha_version=1.16.0 rewrk_version=0.3.2

skip() { # TOOL REASON
    printf '%s\t%s\n' "$1" "$2" >>"$skipped"
    echo "skipped $1: $2" >&2
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

debian() { # TOOL PACKAGE
    command -v "$1" >/dev/null && return
    if ! command -v apt-get >/dev/null; then
        skip "$1" "no apt-get here; install it yourself"
    elif ! as_root apt-get install -y -qq --no-install-recommends "$2" >"$cache/apt-$2.log" 2>&1; then
        skip "$1" "apt-get could not install $2 ($(tail -n 1 "$cache/apt-$2.log"))"
    fi
}

python() { # TOOL REQUIREMENT…
    local tool=$1
    shift
    [ -x "$cache/python/bin/python" ] || python3 -m venv "$cache/python"
    "$cache/python/bin/pip" install --quiet --disable-pip-version-check "$@" >"$cache/pip-$tool.log" 2>&1 ||
        skip "$tool" "pip could not install $* ($(tail -n 1 "$cache/pip-$tool.log"))"
}

node() { # TOOL VERSION
    if ! command -v npm >/dev/null; then
        skip "$1" "npm is not installed"
    elif [ ! -x "$cache/node/node_modules/.bin/$1" ]; then
        mkdir -p "$cache/node"
        # Install scripts are left out: one of artillery's fetches a browser, which plain HTTP load does not need.
        npm install --prefix "$cache/node" --ignore-scripts --no-audit --no-fund --silent "$1@$2" \
            >"$cache/npm-$1.log" 2>&1 || skip "$1" "npm could not install $1@$2 ($(tail -n 1 "$cache/npm-$1.log"))"
    fi
}

crate() { # TOOL VERSION
    [ -x "$cache/cargo/bin/$1" ] && return
    # One job at the lowest priority: these builds take minutes, and the machine may be shared.
    nice -n 19 cargo install --locked --jobs 1 --root "$cache/cargo" --target-dir "$cache/build" --quiet "$1@$2" \
        >"$cache/cargo-$1.log" 2>&1 || skip "$1" "cargo could not install $1@$2 ($(tail -n 1 "$cache/cargo-$1.log"))"
}

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq || true
fi
debian wrk wrk
debian h2load nghttp2-client
debian ab apache2-utils
debian hey hey
debian siege siege
python k6 "k6==$k6_version"
python locust "locust==$locust_version" "websocket-client==$websocket_client_version"
node artillery "$artillery_version"
node autocannon "$autocannon_version"
crate oha "$oha_version"
crate rewrk "$rewrk_version"
skip vegeta "no registry that is used here packages it, and it would need a Go toolchain"
skip wrk2 "no registry that is used here packages it"
echo "installed below $cache"
