#!/usr/bin/env python3
"""Writes tests/cases/args/validate.json: what ansible-core makes of the calls in validate.yml.

Each entry is {"ok": validated arguments} or {"error": the message a module would fail with}.
"""
import json
import os
import sys

import yaml
from ansible.module_utils.common.arg_spec import ModuleArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError

SETS = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")


def run(case, call):
    sets = {k: case[k] for k in SETS if k in case}
    validator = ModuleArgumentSpecValidator(case["spec"], **sets)
    try:
        result = validator.validate(call)
    except Exception as e:  # what a module would die of
        return {"crash": "%s: %s" % (type(e).__name__, e)}
    if not result.errors.errors:
        return {"ok": result.validated_parameters}
    message = result.errors.msg
    if isinstance(result.errors[0], UnsupportedError):
        message = "Unsupported parameters for (m) module: " + message
    # The list that follows is a set: its order differs from run to run.
    return {"error": message.split("Valid booleans include: ")[0]}


def main():
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cases", "args")
    with open(os.path.join(here, "validate.yml")) as f:
        cases = yaml.safe_load(f)
    os.environ["HOME"] = "/home/me"
    out = [[run(case, call) for call in case["calls"]] for case in cases]
    with open(os.path.join(here, "validate.json"), "w") as f:
        json.dump(out, f, indent=1, default=str)
        f.write("\n")


if __name__ == "__main__":
    sys.exit(main())
