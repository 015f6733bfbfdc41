#!/bin/sh
# shellcheck disable=SC1090,SC2154
. "$1"
echo "{\"msg\": \"$salutation $name\", \"changed\": ${chg:-false}}"
