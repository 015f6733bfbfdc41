#!/usr/bin/python3
"""Writes the expected side of tests/cases/jinja/*.json with real Jinja2 and ansible-core.

Usage: /usr/bin/python3 tests/oracle/jinja_oracle.py tests/cases/jinja/*.json

Each line of a case file is one JSON object:
  id         name of the case
  mode       render: jinja2.Environment(**env) to text     expr:   compile_expression, native result as repr()
             string: Templar.template, result as repr()    file:   as the template module renders files, text
             cond:   a `when:` condition, True or False
  template   the text;  templates: {name: text} for include, import and extends
  vars       variables; {"__unsafe__": "text"} is an untrusted string
  env        options of the Environment (render and expr)
  out/error  written here; error is [exception class, first line of its message]
  accept/why an accepted difference of ours: our result and the reason (kept as it is)
"""
import copy
import json
import sys
import warnings

import jinja2
from jinja2.exceptions import UndefinedError

warnings.simplefilter("ignore")


def untag(value):
    from ansible.utils.unsafe_proxy import wrap_var

    if isinstance(value, dict):
        if list(value) == ["__unsafe__"]:
            return wrap_var(value["__unsafe__"])
        return {k: untag(v) for k, v in value.items()}
    if isinstance(value, list):
        return [untag(v) for v in value]
    return value


def environment(case):
    opts = dict(case.get("env") or {})
    opts["extensions"] = opts.get("extensions", [])
    if opts.pop("strict", False):
        opts["undefined"] = jinja2.StrictUndefined
    elif "undefined" in opts:
        opts["undefined"] = getattr(jinja2, opts["undefined"])
    return jinja2.Environment(loader=jinja2.DictLoader(case.get("templates") or {}), **opts)


def templar(case):
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar

    made = Templar(DataLoader(), variables=untag(case.get("vars") or {}))
    if case.get("templates"):
        made.environment.loader = jinja2.DictLoader(case["templates"])
    return made


def condition(case):
    from ansible.parsing.dataloader import DataLoader
    from ansible.playbook.conditional import Conditional

    class Task(Conditional):
        def __init__(self):
            super().__init__(loader=DataLoader())

    task = Task()
    task.when = [untag(case["template"])]
    return repr(bool(task.evaluate_conditional(templar(case), untag(case.get("vars") or {}))))


def run(case):
    mode = case["mode"]
    if mode == "render":
        return environment(case).from_string(case["template"]).render(copy.deepcopy(case.get("vars") or {}))
    if mode == "expr":
        made = environment(case).compile_expression(case["template"], undefined_to_none=False)
        value = made(case.get("vars") or {})
        if isinstance(value, jinja2.Undefined):
            raise UndefinedError("the expression is undefined")
        return repr(value)
    if mode == "string":
        return repr(templar(case).template(case["template"]))
    if mode == "file":
        return templar(case).do_template(
            case["template"], convert_data=False, escape_backslashes=False, preserve_trailing_newlines=True
        )
    if mode == "cond":
        return condition(case)
    raise SystemExit("unknown mode " + mode)


def main():
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as f:
            cases = [json.loads(line) for line in f if line.strip()]
        for case in cases:
            case.pop("out", None)
            case.pop("error", None)
            try:
                case["out"] = run(case)
            except SystemExit:
                raise
            except BaseException as e:  # whatever it raises is the expected result
                message = (str(e).splitlines() or [""])[0]
                case["error"] = [type(e).__name__, message[:200]]
        with open(path, "w", encoding="utf-8") as f:
            for case in cases:
                f.write(json.dumps(case, ensure_ascii=False) + "\n")
        print(path, len(cases))


if __name__ == "__main__":
    main()
