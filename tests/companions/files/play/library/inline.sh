#!/bin/sh
cat <<'X' | sed 's/.*"text": "\([^"]*\)".*/{"inline": "\1"}/'
<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>
X
