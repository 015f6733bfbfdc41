#!/usr/bin/env python3
"""Asks the vault tool for passwords on a pseudo-terminal: nothing is echoed, and the terminal comes back as it was.

usage: vault_prompt.py BIN_DIR
"""
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

FAILS = []


def check(name, ok, seen=b""):
    if not ok:
        FAILS.append(name)
        print("FAIL: %s %r" % (name, seen))


def mute(fd, seconds):
    """True once the terminal's echo is off; waits for that for some seconds."""
    end = time.time() + seconds
    while termios.tcgetattr(fd)[3] & termios.ECHO:
        if time.time() >= end:
            return False
        time.sleep(0.01)
    return True


def run(argv, talk, then_signal=None, patience=0):
    """Runs argv on a new terminal. `talk` are (expected prompt, answer) pairs. -> (status, output, echo is on)

    vault turns the echo off before it prompts, so that it is off when the prompt is seen. Other programs do it behind
    their prompt: `patience` is how many seconds they have.
    """
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["HOME"] = os.getcwd()
        os.execv(argv[0], argv)
    seen = b""
    new = b""
    todo = list(talk)
    end = time.time() + 60
    status = None
    echo = None
    while time.time() < end:
        if select.select([fd], [], [], 0.05)[0]:
            try:
                part = os.read(fd, 4096)
            except OSError:
                part = b""
            if not part:
                break
            seen += part
            new += part
        if todo and todo[0][0] in new:
            new = b""
            answer = todo.pop(0)[1]
            check("echo is off at the prompt of " + " ".join(argv), mute(fd, patience), seen)
            if answer is None:
                os.kill(pid, then_signal)
            else:
                os.write(fd, answer)
        if status is None:
            done, st = os.waitpid(pid, os.WNOHANG)
            if done:
                status = st
        if status is not None and echo is None:
            try:
                echo = bool(termios.tcgetattr(fd)[3] & termios.ECHO)
            except termios.error:
                echo = True  # the terminal is gone with its last user
    if status is None:
        status = os.waitpid(pid, 0)[1]
    os.close(fd)
    code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    return code, seen, echo is not False


def asked_to_see(play):
    """The SSH password as it was typed is shown to an ad-hoc debug that names it at a terminal, and nowhere else. It is
    no template."""
    word = b"{{ 1 + 2 }} hunter2"
    def adhoc(*more):
        return run([play, "adhoc", "localhost", "-k"] + list(more), [(b"SSH password: ", word + b"\n")])
    debug = ("-m", "debug", "-a", "msg={{ ansible_password }}")
    for shown, more in ((True, debug), (False, debug + ("-e", "ansible_connection=local", "--tree", "tree")),
                        (False, ("-m", "debug", "-a", "msg={{ vars['ansible_' + 'password'] | default('none') }}")),
                        (False, ("-m", "assert", "-a", "that=false fail_msg={{ ansible_password }}"))):
        code, seen, _ = adhoc(*more)
        check("seen: %s %s" % (shown, more), word in seen if shown else b"hunter2" not in seen, seen)
    os.environ["ANSIBLE_LOG_PATH"] = "log"
    code, seen, _ = adhoc(*debug)
    del os.environ["ANSIBLE_LOG_PATH"]
    with open("log", "rb") as f:
        check("with a log", code == 0 and b"hunter2" not in seen and b"hunter2" not in f.read(), seen)
    done = subprocess.run([play, "adhoc", "localhost", "-k"] + list(debug), input=word + b"\n", capture_output=True,
                          start_new_session=True, timeout=60)
    check("in a pipe", b"hunter2" not in done.stdout + done.stderr, done.stdout + done.stderr)


def main():
    bins = os.path.abspath(sys.argv[1])
    vault = os.path.join(bins, "vault")
    for name in ("ANSIBLE_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_IDENTITY_LIST", "ANSIBLE_VAULT_ENCRYPT_IDENTITY"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        os.environ["ANSIBLE_CONFIG"] = os.path.join(work, "none.cfg")
        with open("f", "w") as f:
            f.write("text: 1\n")
        code, seen, echo = run([vault, "encrypt", "f"], [(b"New Vault password: ", b"hunter2\n"),
                                                         (b"Confirm New Vault password: ", b"hunter2\n")])
        check("encrypt", code == 0 and echo and b"hunter2" not in seen, seen)
        code, seen, echo = run([vault, "view", "-J", "f"], [(b"Vault password: ", b"hunter2\n")])
        check("view", code == 0 and echo and b"text: 1" in seen and b"hunter2" not in seen, seen)
        code, seen, echo = run([vault, "view", "--vault-id", "dev@prompt", "f"],
                               [(b"Vault password (dev): ", b"hunter2\n")])
        check("view with a label", code == 0 and b"text: 1" in seen, seen)
        code, seen, echo = run([vault, "view", "f"], [(b"Vault password: ", b"wrong\n")])
        check("wrong password", code == 1 and echo and b"no vault password given opens this data" in seen, seen)
        code, seen, echo = run([vault, "view", "f"], [(b"Vault password: ", b"\n")])
        check("empty password", code == 1 and b"empty" in seen, seen)
        code, seen, echo = run([vault, "view", "f"], [(b"Vault password: ", b"\x04")])
        check("end of input", code == 1 and b"end of input" in seen, seen)
        code, seen, echo = run([vault, "encrypt", "--vault-id", "a@prompt", "x"],
                               [(b"New vault password (a): ", b"one\n"), (b"Confirm new vault password (a): ", b"two\n")])
        check("no match", code == 1 and b"do not match" in seen, seen)
        code, seen, echo = run([vault, "view", "f"], [(b"Vault password: ", b"\x03")])
        check("ctrl-c", code == -signal.SIGINT and echo, seen)
        code, seen, echo = run([vault, "view", "f"], [(b"Vault password: ", None)], signal.SIGTERM)
        check("terminated", code == -signal.SIGTERM and echo, seen)
        # the age tool asks on the terminal alone: a file it made with a passphrase opens here
        if shutil.which("age"):
            with open("plain", "w") as f:
                f.write("text: 2\n")
            talk = [(b"passphrase", b"a long passphrase\n"), (b"onfirm", b"a long passphrase\n")]
            for armor in ([], ["-a"]):
                code, seen, echo = run([shutil.which("age"), "-p"] + armor + ["-o", "sealed.age", "plain"], talk,
                                       patience=20)
                check("age -p", code == 0 and b"a long" not in seen, seen)
                code, seen, echo = run([vault, "view", "sealed.age"], [(b"Passphrase: ", b"a long passphrase\n")])
                check("age passphrase", code == 0 and echo and b"text: 2" in seen and b"long" not in seen, seen)
                code, seen, echo = run([vault, "view", "sealed.age"], [(b"Passphrase: ", b"another one\n")])
                check("wrong age passphrase", code == 1 and b"text: 2" not in seen, seen)
                os.unlink("sealed.age")
        asked_to_see(os.path.join(bins, "play"))
    # without a terminal, what is asked for comes from standard input, and only the line that was asked for
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        with open("f", "w") as f:
            f.write("text: 1\n")
        def bare(argv, text):
            done = subprocess.run(argv, input=text, capture_output=True, start_new_session=True, timeout=60)
            return done.returncode, done.stdout + done.stderr
        code, seen = bare([vault, "encrypt", "-J", "f"], b"hunter2\nhunter2\n")
        check("encrypt without a terminal", code == 0 and b"hunter2" not in seen, seen)
        code, seen = bare([vault, "view", "-J", "f"], b"hunter2\n")
        check("view without a terminal", code == 0 and b"text: 1" in seen and b"hunter2" not in seen, seen)
        code, seen = bare([vault, "view", "-J", "f"], b"")
        check("nobody answers", code == 1 and b"standard input is at its end" in seen, seen)
        code, seen = bare([vault, "view", "f"], b"hunter2\n")
        check("nobody asked", code == 1 and b"no terminal to ask for one on" in seen, seen)
        code, seen = bare([vault, "encrypt_string", "-J", "--vault-password-file", "/dev/null", "x"], b"hunter2\nhunter2\n")
        check("a source that gives nothing", code == 0 and b"warning" in seen, seen)
        os.chdir("/")
    print("vault prompts: ok" if not FAILS else "vault prompts: failed")
    return 1 if FAILS else 0


if __name__ == "__main__":
    sys.exit(main())
