#!/bin/sh
. "$1"
echo "{\"msg\": \"$salutation $name\", \"changed\": ${chg:-false}}"
