#!/bin/sh
# WANT_JSON
if grep -q '"fail": true' "$1"; then echo '{"failed": true, "msg": "as asked"}'; exit 0; fi
echo 'noise before'
printf '{"got": "%s"}\n' "$(sed 's/.*"text": "\([^"]*\)".*/\1/' "$1")"
