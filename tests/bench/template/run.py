#!/usr/bin/python3
"""The same templates and contexts through Jinja2 (compiled, cached) and through `play`, in one run.

Usage: /usr/bin/python3 tests/bench/template/run.py BUILD_DIR [SECONDS]

Prints a table: renders a second of each, how many times faster play is, and the same for compiling. Both render the text
that is compared first. Times are those of the processor.
"""
import json
import os
import subprocess
import sys
import time

import jinja2

from cases import CASES, regex_replace

HERE = os.path.dirname(os.path.abspath(__file__))


def environment(case):
    env = jinja2.Environment(loader=jinja2.DictLoader({}), **case.get("env", {}))
    env.filters["regex_replace"] = regex_replace
    return env


def rate(fn, seconds):
    n, spent, start = 0, 0.0, time.process_time()
    while spent < seconds:
        fn()
        n += 1
        spent = time.process_time() - start
    return n / spent


def measure_python(case, seconds):
    env = environment(case)
    template = env.from_string(case["template"])
    variables = case["vars"]
    return (
        rate(lambda: template.render(variables), seconds),
        rate(lambda: env.compile(case["template"]), seconds),
        template.render(variables),
    )


def play(build, args, text):
    run = subprocess.run(
        [os.path.join(build, "bin", "play"), "template", "--json-cases", "-"] + args,
        input=text, capture_output=True, text=True, timeout=600, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def measure_play(build, case, seconds):
    line = json.dumps({k: case[k] for k in ("id", "template", "vars", "env") if k in case})
    out = play(build, [], line)[0]
    if "error" in out:
        raise SystemExit("%s: %s" % (case["id"], out["error"]))
    r = play(build, ["--bench", str(seconds)], line)[0]
    return r["renders"] / r["render_seconds"], r["compiles"] / r["compile_seconds"], out["out"]


def main():
    build = sys.argv[1]
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    print("%-10s %12s %12s %7s %14s %14s %7s" % (
        "", "jinja2 /s", "play /s", "x", "jinja2 comp/s", "play comp/s", "x"))
    for case in CASES:
        python, compiles, want = measure_python(case, seconds)
        ours, our_compiles, got = measure_play(build, case, seconds)
        if got != want:
            raise SystemExit("%s: the texts differ" % case["id"])
        print("%-10s %12.1f %12.1f %7.1f %14.1f %14.1f %7.1f" % (
            case["id"], python, ours, ours / python, compiles, our_compiles, our_compiles / compiles))


if __name__ == "__main__":
    main()
