#!/bin/bash
# site-repo.sh DIR: makes DIR a bare git repository of the web service in site/, the same commit every time.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
target=${1:?usage: site-repo.sh DIR}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=site GIT_AUTHOR_EMAIL=site@example.org GIT_AUTHOR_DATE='2024-01-01T00:00:00Z'
export GIT_COMMITTER_NAME=site GIT_COMMITTER_EMAIL=site@example.org GIT_COMMITTER_DATE='2024-01-01T00:00:00Z'
cp -R "$hosts_home/site/." "$work"
mv "$work/gitignore" "$work/.gitignore"
find "$work" -type d -exec chmod 755 {} +
find "$work" -type f -exec chmod 644 {} +
chmod 755 "$work"/scripts/*
git -C "$work" init -q -b main
git -C "$work" add -A
git -C "$work" commit -q -m 'The site'
git clone -q --bare "$work" "$target"
# served as plain files over HTTP, too
git -C "$target" update-server-info
