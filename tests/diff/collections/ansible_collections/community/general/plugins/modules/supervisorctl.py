#!/usr/bin/python3
"""What the model project uses of community.general.supervisorctl, for Debian's ansible-core, which has no collections.

Only the comparison with ansible-playbook (tests/diff) loads this; play has its own module.
"""
from ansible.module_utils.basic import AnsibleModule

UP = ("RUNNING", "STARTING")


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "required": True, "choices": ["present", "started", "restarted", "stopped", "absent"]},
        },
        supports_check_mode=True,
    )
    name, state = module.params["name"], module.params["state"]
    ctl = module.get_bin_path("supervisorctl", True)

    def run(*words):
        rc, out, err = module.run_command([ctl, *words])
        return rc, out + err

    def status():
        for line in run("status")[1].splitlines():
            words = line.split()
            if len(words) > 1 and words[0] == name:
                return words[1]
        return None

    def finish(changed, wanted="", text=""):
        if wanted not in text:
            module.fail_json(msg=text, name=name, state=state)
        module.exit_json(changed=changed, name=name, state=state)

    now = status()
    if state in ("present", "absent"):
        if (now is not None) == (state == "present") or module.check_mode:
            finish((now is not None) != (state == "present"))
        run("reread")
        verb, done = ("add", "added") if state == "present" else ("remove", "removed")
        finish(True, done + " process group", run(verb, name)[1])
    if state == "restarted" and not module.check_mode:
        run("update")
        now = status()
    if now is None:
        module.fail_json(msg="%s: ERROR (no such process)" % name)
    if state == "restarted":
        finish(True, "" if module.check_mode else "started", "" if module.check_mode else run("restart", name)[1])
    if (now in UP) == (state == "started") or module.check_mode:
        finish((now in UP) != (state == "started"))
    finish(True, state, run("start" if state == "started" else "stop", name)[1])


if __name__ == "__main__":
    main()
