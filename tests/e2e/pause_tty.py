#!/usr/bin/env python3
"""`pause` at a terminal, as Ansible's: Enter, Ctrl-C and then C or A, with a question and with a time.

usage: pause_tty.py PLAY
"""
import os
import pty
import select
import subprocess
import sys
import tempfile
import time

FAILS = []
PATIENCE = 60


def run(play, task, talk):
    """Runs a play with one pause on a new terminal. `talk`: pairs of what is waited for and what is typed then.
    -> (exit code, all that was shown)"""
    with tempfile.TemporaryDirectory() as home:
        book = os.path.join(home, "p.yml")
        with open(book, "w") as f:
            f.write("- hosts: localhost\n  gather_facts: false\n  tasks:\n    - pause: %s\n      register: p\n"
                    "    - debug: {msg: \"typed <{{ p.user_input }}> end\"}\n" % task)
        pid, fd = pty.fork()
        if pid == 0:
            os.environ.update(HOME=home, ANSIBLE_NOCOLOR="1", ANSIBLE_CONFIG="/dev/null")
            os.execv(play, [play, "run", book])
        seen, end, rest = b"", time.time() + PATIENCE, b""
        talk = list(talk)
        while time.time() < end:
            if talk and talk[0][0] in rest:
                rest = rest.split(talk[0][0], 1)[1]
                time.sleep(0.2)  # it prompts before it listens, and forgets what was typed before
                os.write(fd, talk.pop(0)[1])
            if select.select([fd], [], [], 0.1)[0]:
                try:
                    got = os.read(fd, 65536)
                except OSError:
                    got = b""
                if not got:
                    break
                seen, rest = seen + got, rest + got
        else:
            os.kill(pid, 9)
        status = os.waitpid(pid, 0)[1]
        os.close(fd)
        return os.waitstatus_to_exitcode(status), seen


def expect(name, got, code, *texts):
    rc, seen = got
    if rc != code or any(t not in seen for t in texts):
        FAILS.append(name)
        print("FAIL: %s: exit code %d, %r" % (name, rc, seen))


def main(play):
    enter, stop, ask = b"interrupt:", b"\x03", b"'A' to abort"
    expect("enter", run(play, "", [(enter, b"\r")]), 0, b"typed <>")
    expect("answer", run(play, "{prompt: What}", [(b"What:", b"blue\r")]), 0, b"typed <blue>")
    expect("hidden", run(play, "{prompt: What, echo: false}", [(b"hidden):", b"\r")]), 0, b"********")
    expect("go on", run(play, "", [(enter, stop), (ask, b"C")]), 0, b"typed <>")
    expect("other keys do nothing", run(play, "", [(enter, stop), (ask, b"xyc")]), 0, b"typed <>")
    expect("abort", run(play, "", [(enter, stop), (ask, b"a")]), 2, b"user requested abort!")
    expect("abort by Ctrl-C", run(play, "", [(enter, stop), (ask, stop)]), 99, b"user requested abort!")
    expect("time, go on", run(play, "{seconds: 300}", [(b"= abort)", stop), (ask, b"c")]), 0, b"typed <>")
    expect("time, abort", run(play, "{seconds: 300}", [(b"= abort)", stop), (ask, b"A")]), 2, b"user requested abort!")
    # no terminal, and a terminal that is somebody else's: nobody is waited for
    with tempfile.TemporaryDirectory() as home:
        book = os.path.join(home, "p.yml")
        with open(book, "w") as f:
            f.write("- hosts: localhost\n  gather_facts: false\n  tasks:\n    - pause:\n")
        got = subprocess.run([play, "run", book], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        expect("no terminal", (got.returncode, got.stdout + got.stderr), 0, b"stdin is not interactive")
    return 1 if FAILS else 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
