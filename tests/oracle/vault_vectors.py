#!/usr/bin/python3
"""Writes tests/cases/vault/vectors.txt: envelopes made by ansible-core's VaultLib, with what they hold.

Run it with the Python that has ansible-core: /usr/bin/python3 tests/oracle/vault_vectors.py
Salts are fixed, so the file does not change from run to run.
"""
import os

from ansible.parsing.vault import VaultLib, VaultSecret

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cases", "vault")
CASES = [
    ("plain", "secret", None, b"hello\n"),
    ("empty", "secret", None, b""),
    ("one byte", "secret", None, b"x"),
    ("fifteen bytes", "secret", None, b"123456789012345"),
    ("sixteen bytes", "secret", None, b"1234567890123456"),
    ("seventeen bytes", "secret", None, b"12345678901234567"),
    ("yaml", "secret", None, "db_password: 'p\u00e4ss'\nlist:\n  - a\n".encode()),
    ("binary", "secret", None, bytes(range(256))),
    ("long", "secret", None, b"line of text\n" * 300),
    ("label", "secret", "dev", b"labelled\n"),
    ("label with dots", "secret", "my.id-2_x@y", b"labelled\n"),
    ("default label", "secret", "default", b"default\n"),
    ("utf-8 password", "p\u00e4ssw\u00f6rt \u65e5\u672c", None, b"x\n"),
    ("long password", "p" * 300, None, b"x\n"),
    ("password with spaces", "two words ", "dev", b"x\n"),
    ("looks like padding", "secret", None, b"a" * 12 + b"\x04\x04\x04\x04"),
]


def main():
    os.makedirs(HERE, exist_ok=True)
    out = []
    for i, (name, password, label, plain) in enumerate(CASES):
        salt = bytes((i * 7 + k * 13) % 256 for k in range(32))
        text = VaultLib().encrypt(plain, VaultSecret(password.encode()), vault_id=label, salt=salt).decode()
        out.append({"name": name, "password": password, "label": label or "", "hex": plain.hex(), "envelope": text})
    with open(os.path.join(HERE, "vectors.txt"), "w", encoding="utf-8") as f:
        for c in out:
            f.write("name %(name)s\npassword %(password)s\nlabel %(label)s\nplain %(hex)s\n%(envelope)s\n" % c)


if __name__ == "__main__":
    main()
