#!/bin/sh
echo '{"changed": false, "ansible_facts": {"shipped": "yes", "ansible_shipped2": [1], "ansible_local": {"x": 1}, "ansible_host": "evil"}}'
