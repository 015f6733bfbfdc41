#!/usr/bin/python3
"""Writes tests/cases/jinja/generated.json: templates of the fuzzer's grammar with what Jinja2 gives.

Usage: /usr/bin/python3 tests/oracle/jinja_generate.py [COUNT]

The same templates come out each time. Only the variables a template names are written with it; of the templates that
fail in Jinja2 one in four is kept.
"""
import json
import os
import random
import re
import sys

import jinja_fuzz

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cases", "jinja", "generated.json")


def used(case):
    text = case["template"] + "".join(case["templates"].values())
    words = set(re.findall(r"\w+", text))
    return {k: v for k, v in jinja_fuzz.VARS.items() if k in words}


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1300
    seed, failing, cases, seen = 0, 0, [], set()
    while len(cases) < count:
        seed += 1
        case = jinja_fuzz.Maker(random.Random("case-%d" % seed)).case("gen-%05d" % seed)
        if len(case["template"]) > 260 or case["template"] in seen:
            continue
        case["vars"] = used(case)
        want = jinja_fuzz.oracle(case)
        if "out" in want and (jinja_fuzz.EXCLUDED.search(want["out"]) or len(want["out"]) > 600):
            continue
        if "error" in want:
            failing += 1
            if failing * 4 > count:
                continue
        seen.add(case["template"])
        env = dict(case["env"])
        if case["extensions"]:
            env["extensions"] = case["extensions"]
        if case["undefined"] != "Undefined":
            env["undefined"] = case["undefined"]
        row = {"id": case["id"], "mode": "render", "template": case["template"], "vars": case["vars"], "env": env}
        if case["templates"]:
            row["templates"] = case["templates"]
        if "out" in want:
            row["out"] = want["out"]
        else:
            row["error"] = [want["class"], (want["error"].splitlines() or [""])[0][:200]]
        cases.append(row)
    with open(OUT, "w", encoding="utf-8") as f:
        for row in cases:
            f.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(OUT, len(cases))


if __name__ == "__main__":
    main()
