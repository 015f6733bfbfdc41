#!/usr/bin/env python3
"""Runs module cases (tests/modules/README.md) with the installed ansible-core and says where its results differ.

    module_oracle.py [--direct] tests/modules/command/command.yml ...

--direct starts a module by itself, as a target would, without a play around it: many times as fast, and right for every
module that has no half on the controller (copy, template, package ... do).

Only what a case expects is compared, so a case that passes here and in run_cases behaves the same in both. A module that
belongs to a collection is called by that name (`spec` in modules/NAME.lua or .c); ANSIBLE_COLLECTIONS_PATH says where the
collection is.
Cases with blobs cannot be run: they are the far half of a module.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import yaml


def fill(value, directory):
    if isinstance(value, str):
        return value.replace("@DIR@", directory)
    if isinstance(value, list):
        return [fill(v, directory) for v in value]
    if isinstance(value, dict):
        return {fill(k, directory): fill(v, directory) for k, v in value.items()}
    return value


def make_tree(directory, files):
    for name, what in files.items():
        path = os.path.join(directory, name)
        what = {"content": what} if isinstance(what, str) else what
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if "link" in what:
            os.symlink(what["link"], path)
            continue
        if not name.endswith("/"):
            with open(path, "w", newline="") as f:
                f.write(what.get("content", ""))
            os.chmod(path, 0o644)
        if "mode" in what:
            os.chmod(path, int(str(what["mode"]), 8))
        if "mtime" in what:
            os.utime(path, (what["mtime"], what["mtime"]))


def differences(where, want, got):
    if want == "any:":
        return
    if isinstance(want, str) and want.startswith("re:"):
        if not re.search(want[3:], str(got), re.S):
            yield "%s: expected %r, found %r" % (where, want, got)
    elif isinstance(want, dict) and isinstance(got, dict):
        for key, value in want.items():
            if key not in got:
                yield "%s.%s: expected %r, found nothing" % (where, key, value)
            else:
                yield from differences("%s.%s" % (where, key), value, got[key])
    elif isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        for i, value in enumerate(want):
            yield from differences("%s[%d]" % (where, i), value, got[i])
    elif want != got or type(want) is not type(got):
        yield "%s: expected %r, found %r" % (where, want, got)


def call(case, module, check):
    """One ansible run; templates in the arguments are protected, as run_cases has none."""
    task = {module: case.get("args", {}), "register": "r", "ignore_errors": True}
    for key in ("env", "diff"):
        if key in case:
            task["environment" if key == "env" else key] = case[key]
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "check_mode": check,
             "tasks": [task, {"copy": {"content": "{{ r | to_json }}", "dest": "{{ out }}"},
                              "check_mode": False, "diff": False}]}]
    with tempfile.TemporaryDirectory() as work:
        book, out = os.path.join(work, "p.yml"), os.path.join(work, "out")
        with open(book, "w") as f:
            yaml.safe_dump(play, f, sort_keys=False)
        run = subprocess.run(["ansible-playbook", "-i", "localhost,", "-e", "out=" + out, book],
                             capture_output=True, text=True, check=False)
        if not os.path.exists(out):
            return {"failed": True, "msg": run.stdout + run.stderr}
        with open(out) as f:
            return json.load(f)


DIRECT = """
import json, runpy, sys
from ansible.module_utils import basic
name = sys.argv[1]
sys.argv = [name]
basic._ANSIBLE_ARGS = sys.stdin.buffer.read()
runpy.run_module(name, run_name="__main__", alter_sys=True)
"""


def call_direct(case, module, check):
    """The module's own main program, told what the controller tells it."""
    parts = module.split(".")
    if len(parts) == 1 or module.startswith("ansible.builtin."):
        name = "ansible.modules." + parts[-1]
    else:
        name = "ansible_collections.%s.plugins.modules.%s" % (".".join(parts[:2]), parts[-1])
    args = dict(case.get("args") or {}, _ansible_check_mode=check, _ansible_diff=bool(case.get("diff")), _ansible_verbosity=0)
    paths = os.environ.get("ANSIBLE_COLLECTIONS_PATH", "")
    env = dict(os.environ, PYTHONPATH=paths, **{k: str(v) for k, v in case.get("env", {}).items()})
    env.setdefault("LC_ALL", "C.UTF-8")
    python = os.environ.get("ORACLE_PYTHON", "/usr/bin/python3")
    run = subprocess.run([python, "-c", DIRECT, name], input=json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode(),
                         capture_output=True, check=False, env=env)
    try:
        result = json.loads(run.stdout.decode())
    except ValueError:
        return {"failed": True, "msg": (run.stdout + run.stderr).decode(errors="replace")}
    result.pop("invocation", None)
    result.setdefault("changed", False)
    result.setdefault("failed", result.get("rc", 0) not in (0, "0", None))
    return result


def full_name(module):
    """The collection name that the module's own table gives."""
    top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "modules")
    for ending, pattern in ((".lua", r'spec = "([\w.]+)"'), (".c", r'\.spec = "([\w.]+)"')):
        path = os.path.join(top, module + ending)
        if os.path.exists(path):
            with open(path) as f:
                found = re.search(pattern, f.read())
            return found.group(1) if found else module
    return module


def tree_differences(directory, after):
    """What is there after the run: files and links that a case names, with their contents and modes."""
    for name, want in after.items():
        path = os.path.join(directory, name)
        want = {"content": want} if isinstance(want, str) else want
        if want is None:
            if os.path.lexists(path):
                yield "after: %s: expected nothing there, found it" % name
        elif not os.path.lexists(path):
            yield "after: %s: expected it there, found nothing" % name
        elif "link" in want:
            found = os.readlink(path) if os.path.islink(path) else None
            yield from differences("after: %s: link" % name, want["link"], found)
        else:
            if "content" in want and os.path.isfile(path):
                with open(path, newline="", errors="surrogateescape") as f:
                    yield from differences("after: %s" % name, want["content"], f.read())
            if "mode" in want:
                yield from differences("after: %s: mode" % name, "%o" % int(str(want["mode"]), 8), "%o" % (os.stat(path).st_mode & 0o7777))


def run_case(case, module, call=call):
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        case = fill(case, directory)
        make_tree(directory, case.get("files", {}))
        lines = case.get("setup", [])
        lines = [lines] if isinstance(lines, str) else lines
        for line in lines:
            subprocess.run(["/bin/sh", "-ec", line], cwd=directory, check=True, stdout=subprocess.DEVNULL)
        try:
            if case.get("check", True) and "check_result" in case:
                yield from differences("check mode", case["check_result"], call(case, module, True))
            yield from differences("result", case.get("result", {}), call(case, module, False))
            yield from tree_differences(directory, case.get("after", {}))
            if case.get("idempotent"):
                yield from differences("second run", {"changed": False}, call(case, module, False))
        finally:
            for line in case.get("cleanup", []):
                subprocess.run(["/bin/sh", "-c", line], cwd=directory, check=False)


def missing(case):
    """What the case requires and is not here, as in run_cases."""
    for need in case.get("requires", []):
        kind, _, what = need.partition(":")
        there = {"root": os.geteuid() == 0, "user": os.geteuid() != 0, "cmd": bool(what) and shutil.which(what) is not None,
                 "file": os.path.exists(what), "env": what in os.environ}
        if not there.get(kind, False):
            return need
    return None


def main(paths):
    wrong = 0
    direct = paths[:1] == ["--direct"]
    paths = paths[direct:]
    for path in paths:
        module = full_name(os.path.basename(os.path.dirname(os.path.abspath(path))))
        with open(path) as f:
            cases = yaml.safe_load(f)
        for case in cases:
            if "blobs" in case:
                print("left out: %s: %s" % (path, case["name"]))
                continue
            if missing(case):
                print("left out: %s: %s: needs %s" % (path, case["name"], missing(case)))
                continue
            name = full_name(case["module"]) if "module" in case else module
            for difference in run_case(case, name, call_direct if direct else call):
                print("%s: %s: %s" % (path, case["name"], difference))
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
