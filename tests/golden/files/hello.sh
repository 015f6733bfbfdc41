#!/bin/sh
printf 'hello %s from %s\n' "$*" "$(pwd)"
[ "$1" != fail ] || { echo "no" >&2; exit 3; }
