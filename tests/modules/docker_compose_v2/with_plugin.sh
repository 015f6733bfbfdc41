#!/bin/bash
# with_plugin.sh RUN_CASES PLAY_REMOTE DIR...: as ../docker_container/with_engine.sh, with the plugin `docker compose`, which
# Debian 12 does not have: that of the machine, or the package of Debian 13, fetched once from the mirror that apt uses and
# kept in $PLAY_CACHE. Ends with 77 where there is neither.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
if ! docker compose version >/dev/null 2>&1; then
    plugin=${PLAY_CACHE:-${HOME:-/tmp}/.cache}/play-tests/docker-compose
    if [ ! -x "$plugin" ]; then
        apt=$(mktemp -d)
        trap 'rm -rf "$apt"' EXIT
        mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$(dirname "$plugin")"
        mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep -m1 /debian || true)
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-none:} trixie main" >"$apt/sources"
        options=(-o "Dir::Etc::sourcelist=$apt/sources" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$apt/lists"
            -o "Dir::Cache=$apt/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root)
        {
            timeout 300 apt-get -q "${options[@]}" update && cd "$apt" &&
                timeout 300 apt-get -q "${options[@]}" download docker-compose && dpkg-deb -x docker-compose_*.deb x &&
                install -m 0755 x/usr/libexec/docker/cli-plugins/docker-compose "$plugin.new" && mv "$plugin.new" "$plugin"
        } >"$apt/log" 2>&1 || {
            echo "skipped: no \`docker compose\` here, and its package cannot be fetched: $(tail -1 "$apt/log")"
            exit 77
        }
        trap - EXIT
        rm -rf "$apt"
    fi
    export COMPOSE_PLUGIN=$plugin
fi
cd "$here/.."
exec docker_container/with_engine.sh "$@"
