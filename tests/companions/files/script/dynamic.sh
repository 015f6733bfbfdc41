#!/bin/sh
case $1 in
--list) cat <<X
{"web": {"hosts": ["s1", "s2"], "vars": {"from": "script", "n": 1.5}, "children": ["sub"]}, "sub": ["s3"], "solo": {"x": 1},
 "_meta": {"hostvars": {"s1": {"a": [1, {"b": null}]}, "s2": {"tmpl": "{{ from }}"}}}}
X
;;
--host) echo '{}';;
esac
