#!/usr/bin/python3
"""The same templates and contexts through Jinja2 (compiled, cached) and through `play`, in one run.

Usage: /usr/bin/python3 tests/bench/template/run.py BUILD_DIR [SECONDS [PAIRS]]

Prints a table: renders a second of each, how many times faster play is, and the same for compiling. Both render the text
that is compared first. Times are those of the processor. The two are measured in turns, PAIRS times, since other work on
the machine slows both: what is printed are the medians of the rates and of the pairs' ratios.
"""
import json
import os
import statistics
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


def python_side(case):
    """Functions that render and compile, and the text."""
    env = environment(case)
    template = env.from_string(case["template"])
    variables = case["vars"]
    return lambda: template.render(variables), lambda: env.compile(case["template"]), template.render(variables)


def play(build, args, text):
    run = subprocess.run(
        [os.path.join(build, "bin", "play"), "template", "--json-cases", "-"] + args,
        input=text, capture_output=True, text=True, timeout=600, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def case_line(build, case, want):
    """The case for play, whose text must be the same."""
    line = json.dumps({k: case[k] for k in ("id", "template", "vars", "env") if k in case})
    out = play(build, [], line)[0]
    if out.get("out") != want:
        raise SystemExit("%s: the texts differ %s" % (case["id"], out.get("error", "")))
    return line


def measure(build, case, seconds, pairs):
    """Rates of both, [render, compile] each, a row for each pair."""
    render, compiles, want = python_side(case)
    line = case_line(build, case, want)
    rows = []
    for _ in range(pairs):
        python = [rate(render, seconds), rate(compiles, seconds)]
        r = play(build, ["--bench", str(seconds)], line)[0]
        rows.append((python, [r["renders"] / r["render_seconds"], r["compiles"] / r["compile_seconds"]]))
    return rows


def main():
    build = sys.argv[1]
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    pairs = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    print("%-10s %12s %12s %7s %14s %14s %7s" % (
        "", "jinja2 /s", "play /s", "x", "jinja2 comp/s", "play comp/s", "x"))
    for case in CASES:
        rows = measure(build, case, seconds, pairs)
        cells = []
        for k in (0, 1):
            cells += [statistics.median(r[0][k] for r in rows), statistics.median(r[1][k] for r in rows),
                      statistics.median(r[1][k] / r[0][k] for r in rows)]
        print("%-10s %12.1f %12.1f %7.1f %14.1f %14.1f %7.1f" % ((case["id"],) + tuple(cells)), flush=True)


if __name__ == "__main__":
    main()
