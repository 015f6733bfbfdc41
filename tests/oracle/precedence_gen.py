#!/usr/bin/env python3
"""Writes tests/companions/files/prec: a play in which each pair of precedence levels defines one variable, and nothing else
does. What the variable is at the end says which level won. Run it from anywhere; then record with companions_record.sh."""
import os

LEVELS = [
    (2, "role_defaults"), (3, "inv_file_group"), (4, "inv_group_all"), (5, "pb_group_all"), (6, "inv_group"),
    (7, "pb_group"), (8, "inv_file_host"), (9, "inv_host"), (10, "pb_host"), (11, "facts"), (12, "play_vars"),
    (13, "prompt"), (14, "vars_files"), (15, "role_vars"), (16, "block_vars"), (17, "task_vars"),
    (18, "include_vars"), (19, "set_fact"), (20, "role_params"), (21, "include_params"), (22, "extra_vars"),
]
root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "companions", "files", "prec")


def pairs(level):
    """Names of the variables that this level defines, each with the level's name as its value."""
    out = []
    for i, (a, _) in enumerate(LEVELS):
        for b, _ in LEVELS[i + 1:]:
            if level in (a, b):
                out.append("v_%d_%d" % (a, b))
    return out


def lines(level, indent=0, sep=": "):
    name = dict(LEVELS)[level]
    return "".join("%s%s%s%s\n" % (" " * indent, v, sep, name) for v in pairs(level))


def put(path, text, mode=0o644):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)


put("inventory/hosts", "[grp]\nh1 ansible_connection=local ansible_python_interpreter=/usr/bin/python3 "
    + " ".join(lines(8, sep="=").split("\n")) + "\n[grp:vars]\n" + lines(3, sep="="))
put("inventory/group_vars/all.yml", lines(4))
put("inventory/group_vars/grp.yml", lines(6))
put("inventory/host_vars/h1.yml", lines(9))
put("group_vars/all.yml", lines(5))
put("group_vars/grp.yml", lines(7))
put("host_vars/h1.yml", lines(10))
put("files.yml", lines(14))
put("extra.yml", lines(22))
put("roles/r/defaults/main.yml", lines(2))
put("roles/r/vars/main.yml", lines(15))
put("roles/r/files/included.yml", lines(18))
put("library/lvl_facts.sh", "#!/bin/sh\necho '{\"ansible_facts\": {"
    + ", ".join('"%s": "facts"' % v for v in pairs(11)) + "}}'\n", 0o755)
prompts = "".join("    - {name: %s, default: prompt, private: false, prompt: ask}\n" % v for v in pairs(13))
put("site.yml", "- hosts: h1\n  gather_facts: false\n  vars:\n" + lines(12, 4) + "  vars_files: [files.yml]\n  vars_prompt:\n"
    + prompts + "  roles:\n    - role: r\n" + lines(20, 6))
put("roles/r/tasks/main.yml", "- include_vars: ../files/included.yml\n- lvl_facts:\n- set_fact:\n" + lines(19, 4)
    + "- vars:\n" + lines(16, 4) + "  block:\n    - include_tasks: check.yml\n      vars:\n" + lines(21, 8))
names = ["v_%d_%d" % (a, b) for i, (a, _) in enumerate(LEVELS) for b, _ in LEVELS[i + 1:]]
put("roles/r/tasks/check.yml", "- vars:\n" + lines(17, 4) + "  debug:\n    msg:\n"
    + "".join('      - "%s={{ %s }}"\n' % (n, n) for n in names))
