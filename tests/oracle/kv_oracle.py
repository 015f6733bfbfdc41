#!/usr/bin/python3
"""Writes tests/cases/kv/*.json: what ansible-core's parse_kv makes of k=v text.

Each file is a list of {"text", "free_form", "result"} or {"text", "free_form", "error": true}.
"""
import json
import os
import random

from ansible.parsing.splitter import parse_kv

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "cases", "kv")

PLAIN = [
    "", " ", "a", "a=b", "a=b c=d", "a=b  c=d", " a=b", "  a=b", "a=b ", "a=b  ", "a = b", "a= b", "a =b",
    "=b", "=a=b", "a==b", "a=b=c", "a=", "a= c=d", "name=foo state=present", "src=/a/b dest=/c/d mode=0644",
    "a=1 a=2", "A=x a=y", "msg=hello world", "key=value extra words here", "one two three", "a-b=c", "a.b=c",
    "path=C:\\dir\\file", "url=http://x/?a=b&c=d", "x=a,b,c", "x=[1,2,3]", "x={'a':1}", "a=b#c", "a=b #c",
    "\ta=b", "a=b\tc=d", "a=\tb", "a=b\r", "ünï=cödé", "a=\u00a0b", "a=b\u3000", "name=日本 x=語",
]
QUOTED = [
    "a='b c'", 'a="b c"', "a='b c' d=e", "a='b' c='d'", "'a=b'", "'a b'=c", "a='it''s'", 'a="it\'s"',
    "a='say \"hi\"'", 'a="say \\"hi\\""', "a=b'c d'e", "a=\"b\"c", "a='b", 'a="b', "a=b'", "it's", "a=\\'b c\\'",
    "a='b  c'", "a='  b  '", "a='' b=\"\"", "a='x=y'", "a=\"x=y z=w\"", "'a' 'b'", "\"a b\" c", "a='b\\'c'",
    "a='b\\'", "a=\"\\\\\"", "a='b'  c", "a=\"b 'c d' e\"", "a='b \"c\" d'", "msg='{{ x }}'", "a=\"'b'\"",
    "a='\"b\"'", "a='b'c'd'", "a= 'b c'", "a ='b c'",
]
JINJA = [
    "a={{ b }}", "a={{ b }} c=d", "a={{b}}", "a={{ b | default('x y') }}", "a={{ b }}{{ c }}", "a={{ b }} {{ c }}",
    "{{ a }}", "{{ a }} {{ b }}", "{{ a }}=b", "a={{ b", "a=b }}", "{% if a %}b=c{% endif %}",
    "{% if a %} b=c {% else %} d=e {% endif %}", "a={# c d #}b", "a={{ {'x': 'y z'} }}", "a={{ '}}' }}",
    "a={{ \"b c\" }}", "a='{{ b c }}'", "a={{ b\n}}", "a={{ b\n }} c=d", "{{ a }}{{", "a={{{ b }}}", "a={{ b }}/x y=z",
    "echo {{ a }} {{ b }}", "a={% raw %}{{ b }}{% endraw %}", "x={{ a ~ '=' ~ b }}", "{{ a|b('c d') }} e={{ f }}",
    "a={{ b }} '{{ c d }}'", "a={{ lookup('pipe', 'echo a b') }} c=d", "{#", "#} a=b", "{% a %} {{ b }} {# c #}",
]
LINES = [
    "a=b\nc=d", "a=b\n c=d", "a=b\n\nc=d", "\na=b", "a=b\n", "a=b \\\nc=d", "a=b \\\n  c=d", "a='b\nc'", "a='b\n c' d=e",
    "a=\"b\n\nc\"", "a=b\\\nc=d", "echo a\necho b", "echo a \\\n  b", "a='b \\\nc'", "a={{ b\n\nc }}", "x\n\n\ny=z",
    "a=b\n\\\nc=d", "\\\na=b", "\\", "a \\", "a \\ b", "'a\nb'", "'a\n\nb' c", "a=b\n  \nc=d", "a='x\n  y\n z' b=c",
]
ESCAPES = [
    "a=b\\nc", "a=\"b\\nc\"", "a=\\t", "a=\\\\n", "a=\\x41", "a=\\u0041", "a=\\U00000041", "a=\\x4", "a=\\u41",
    "a=\\d+", "a=\\\\d", "a=\\=b", "a\\=b", "a\\=b=c", "a\\=b\\=c", "\\=a", "a=\\a\\b\\f\\v\\r", "a=\\'", "a=\\\"",
    "a=\\xe9", "a=\\u20ac", "a=\\U0001F600", "x\\ty=z", "a=b\\", "\\x61=b", "a\\x3db", "a=\\\\\\\\", "a=\\q",
    "a=c:\\new", "regexp='^\\s+(.*)$' line='\\1'", "a=\\N", "a=\\N{", "a=\\N{}", "a\\=", "=\\=",
]
COMMANDS = [
    "echo hi", "echo hi creates=/tmp/x", "creates=/tmp/x echo hi", "echo a=b", "FOO=bar cmd", "cmd --opt=value",
    "cmd chdir=/tmp creates='/a b'", "ls -l | grep 'a b'", "echo \"a  b\"", "echo a   b", "cmd removes=/x warn=no",
    "cmd stdin='a b' stdin_add_newline=no", "strip_empty_ends=no cmd", "cmd executable=/bin/bash", "echo 'a' 'b'",
    "echo \\\n  a \\\n  b", "if true; then\n  echo a\nfi", "cat <<EOF\n a b\nEOF", "echo \"{{ a }}\" creates={{ b }}",
    "echo $((1+1)) && x=1", "awk '{print $1}'", "sed -e 's/a=b/c=d/'", "echo a\\=b", "echo chdir = /x", "cmd chdir=",
    "cmd chdir =/x", "echo '\\n'", "echo \\n", "printf '%s\\n' a", "cmd\ncreates=/x", "cmd \n creates=/x\n", "a b  ",
    "curl -d 'x=1&y=2' http://h", "test \"a\" = \"b\"", "echo =x", "for i in 1 2; do echo $i; done chdir=/t",
]


def case(text, free_form):
    row = {"text": text, "free_form": free_form}
    try:
        row["result"] = parse_kv(text, check_raw=free_form)
    except Exception:  # any failure of the parser is a refusal
        row["error"] = True
    return row


def generated(n):
    """Random mixtures of the pieces that matter."""
    rng = random.Random(20)
    parts = ["a", "b=", "c=d", " ", "  ", "\n", "'", '"', "{{", "}}", "{%", "%}", "\\", "\\n", "=", "x y", "\\=", "#}"]
    return ["".join(rng.choice(parts) for _ in range(rng.randint(2, 9))) for _ in range(n)]


def write(name, texts, modes):
    rows = [case(t, m) for t in texts for m in modes]
    with open(os.path.join(OUT, name + ".json"), "w", encoding="utf-8") as f:
        json.dump(rows, f, indent=1, ensure_ascii=True)
        f.write("\n")
    return len(rows)


def main():
    os.makedirs(OUT, exist_ok=True)
    n = write("plain", PLAIN, [False, True])
    n += write("quoted", QUOTED, [False, True])
    n += write("jinja", JINJA, [False, True])
    n += write("lines", LINES, [False, True])
    n += write("escapes", ESCAPES, [False, True])
    n += write("commands", COMMANDS, [True])
    n += write("generated", generated(300), [False, True])
    print(n, "cases")


if __name__ == "__main__":
    main()
