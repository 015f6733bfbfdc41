#!/usr/bin/python3
"""Writes tests/cases/yaml/load.json and dump.json: what PyYAML with Ansible's loader and dumper makes of each case.

Run it with the Python that has ansible-core 2.14: /usr/bin/python3 tests/oracle/yaml_diff.py
Loaded values are described in one line (see describe()); tests/unit/yaml/t_cases.c describes ours the same way.
"""
import datetime
import json
import os
import random
import warnings

import yaml
from ansible.parsing.yaml.dumper import AnsibleDumper
from ansible.parsing.yaml.loader import AnsibleLoader
from ansible.utils.display import Display

warnings.simplefilter("ignore")
Display.warning = lambda *a, **k: None
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cases", "yaml")

SCALARS = """
yes Yes YES yEs no No NO true True TRUE tRUE false False FALSE on On ON off Off OFF y Y n N t f
~ null Null NULL nULL nil none None
0 1 -1 +1 -0 +0 00 01 07 08 09 010 012 -012 +012 0_7 0_ 00_ 0_8 1_000 1__0 1_ _1 -_1 -1_ 12345678901234567890
9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809 99999999999999999999999
-99999999999999999999999 18446744073709551615 18446744073709551616 0x7fffffffffffffff 0xffffffffffffffff
0b0 0b1 0b101 -0b11 +0b1 0b 0b2 0b1_0 0B1 0x0 0xff 0xFF -0x1f 0x 0xg 0X1 0x1_f 0o17 0o 017 0017
1:30 1:60 01:30 1:2:3 -1:30 +1:30 190:20:30 190:20:30.15 1:5 1:05 1:5:9 1:60:1 1:00 1:0 0:30 1:30.5 1:30. 1_0:30
1.0 1. .5 -.5 +.5 0.0 -0.0 1.5e3 1.5e+3 1.5E-3 1e3 1e+3 1.e+3 .5e+3 .5e3 1_0.5 1._5 1.5_ ._5 ._ . .. 1.2.3 -1.5 +1.5
.inf -.inf +.inf .Inf .INF .iNF inf .nan .NaN .NAN .Nan -.nan nan 1.5e+ 1e400 1.0e+400 0.1 3.14159265358979
123456789.123456789 1.7976931348623157e+308 5.0e-324
2001-12-14 2001-1-14 2001-12-1 2001-12-14t21:59:43 2001-12-14T21:59:43Z 2001-12-14t21:59:43.10-05:00
2001-12-14T1:02:03 2001-12-14T01:02 2001-12-14T21:59:43.123456789 2001-12-14T21:59:43+5 2001-12-14T21:59:43+05:30
2001-12-14T21:59:43-0530 2001-12-14T21:59:43. 2001-02-29 2000-02-29 2001-13-01 2001-12-14T25:00:00 0000-01-01
2001-12-14T21:59:43+24:00 1:2001-12-14 2001-12-14x 20011214
= == =a << <<a <
a-b a:b a#b http://x/y C:\\x a'b a"b a,b a[b] $x 1a a1 - -- -a ? ?a :a a: :: % %a
""".split()
SCALARS = [s for s in SCALARS if not s.startswith("%")]

LOAD = {
    "empty": "",
    "comment only": "# nothing\n",
    "empty document": "---\n...\n",
    "document end": "--- a\n...\n",
    "date with blanks": "- 2001-12-14 21:59:43\n- 2001-12-14 21:59:43.10 -5\n- 2001-12-14   1:02:03 Z\n- 2001-12-14 \t 1:02:03+1\n",
    "date then text": "- 2001-12-14 21:59:43 x\n- 2001-12-14 x\n",
    "two documents": "--- a\n--- b\n",
    "nested": "a:\n  b:\n    - c\n    - d: 1\n      e: [x, {y: z}]\n  f: {g: [1, 2]}\n",
    "indentless list": "a:\n- b\n- c:\n  - d\n",
    "list of lists": "- - a\n  - b\n- - c\n",
    "empty values": "a:\nb: ''\nc: \"\"\nd: ~\n- ",
    "empty value": "a:\nb: ''\nc: \"\"\nd: ~\n",
    "empty items": "-\n- \n- a\n",
    "quoted": "- 'a''b'\n- \"a\\\"b\\n\\t\\x41\\u00e9\\U0001F600\\\\\"\n- 'yes'\n- \"12\"\n- ''\n",
    "quoted folding": "a: 'one\n  two\n\n  three'\nb: \"one\n  two\\\n  three\\n\n  four\"\n",
    "plain folding": "a: one\n  two\n\n  three\nb: c\n",
    "literal": "a: |\n  one\n   two\n\n  three\nb: |-\n  x\nc: |+\n  y\n\n\nd: z\n",
    "folded": "a: >\n  one\n  two\n\n  three\n    four\n  five\nb: >-\n  x\n  y\nc: >+\n  z\n\nd: e\n",
    "indent indicator": "a: |2\n    one\n   two\nb: >1-\n  x\n",
    "literal with tabs": "a: |\n  one\ttwo\n  \tthree\n",
    "block at end": "a: |\n  one\n  two",
    "block empty": "a: |\nb: >\nc: |-\n\nd: 1\n",
    "comments": "# a\na: 1 # b\n# c\nb: # d\n  - x # e\n  # f\n  - 'y' # g\n",
    "hash in text": "a: b#c\nd: 'e # f'\n",
    "crlf": "a: 1\r\nb:\r\n  - c\r\n  - 'd\r\n    e'\r\nf: |\r\n  x\r\n  y\r\n",
    "cr": "a: 1\rb: 2\r",
    "unicode": "é: ü\nlist: [日本, 😀, 'ß', \"ä\"]\nzz: end\n",
    "unicode marks": "é: [ü, x]\nb: ÿ\nc: {日本: q, r: s}\nd: 'ß'\ne: f\n",
    "unicode crlf marks": "é: [ü, x]\r\nb: ÿ\r\nc: {日本: q, r: s}\r\nd: 'ß'\r\ne: f\r\n",
    "unicode separators": "a: x\u2028y\nb: z\n",
    "next line": "a: x\u0085b: y\n",
    "nbsp": "a: x\u00a0y\n\u00a0b: z\n",
    "bom": "\ufeffa: 1\nb: x\n",
    "bom inside": "a: 1\n\ufeffb: 2\n",
    "anchors": "a: &x [1, 2]\nb: *x\nc: &y text\nd: *y\ne: {f: *y}\n",
    "anchor on key": "&k a: 1\nb: *k\n*k : 2\n",
    "anchor empty": "a: &x\nb: *x\n",
    "anchor of dates": "a: &x 2001-01-01\nb: [*x, &y [*x, {*x : *x}]]\nc: *y\nd: !!omap [x: *y]\n",
    "anchor twice": "a: &x 1\nb: &x 2\n",
    "alias undefined": "a: *x\n",
    "merge": "a: &x {k: 1, j: 2}\nb:\n  <<: *x\n  k: 3\n",
    "merge after": "a: &x {k: 1, j: 2}\nb:\n  k: 3\n  m: 4\n  <<: *x\n",
    "merge list": "- &a {x: 1, y: 2}\n- &b {x: 3, z: 4}\n- {<<: [*a, *b], z: 5}\n- {<<: [*b, *a], w: 5}\n",
    "merge twice": "a: {k: 3, <<: {k: 1, j: 2}, <<: {k: 5, j: 6, m: 2}}\n",
    "merge nested": "a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b, z: 3}\n",
    "merge inline list": "a: {<<: [{x: 1}, {x: 2, y: 3}]}\n",
    "merge empty": "a: {<<: {}, x: 1}\nb: {<<: []}\n",
    "merge quoted": "a: {'<<': {x: 1}}\n",
    "merge null": "a:\n  <<: null\n",
    "merge scalar": "a: {<<: x}\n",
    "merge list of scalars": "a: {<<: [x]}\n",
    "merge tag": "a: {!!merge <<: {x: 1}}\n",
    "merge str tag": "a: {!!str <<: {x: 1}}\n",
    "merge as value": "a: <<\n",
    "value key": "=: 1\n",
    "value as value": "a: =\n",
    "value tagged": "a: !!value x\n",
    "duplicate keys": "a: 1\nb: 2\na: 3\n",
    "duplicate 1 and true": "1: a\ntrue: b\n1.0: c\n",
    "odd keys": "1: a\n1.5: b\n~: c\nfalse: d\n2001-01-01: e\n'1': f\n'': g\n",
    "question key": "? a\n: 1\n? b\n? c\n: - 2\n",
    "long key": "? " + "k" * 200 + "\n: 1\n",
    "list key": "? [a]\n: 1\n",
    "map key": "{a: 1}: 2\n",
    "braces": "a: {{ x }}\n",
    "braces and text": "a: {{ x }}/y\n",
    "flow forms": "a: [1, 2,]\nb: {x, y: , z: 1,}\nc: [a: 1, b]\nd: {\"q\":1}\n",
    "flow multi line": "a: [\n  1,\n  2\n]\nb: {\n  x: 1,\n  y: 2 }\n",
    "flow empty": "a: []\nb: {}\nc: [[], {}]\n",
    "flow double comma": "a: [1,,2]\n",
    "flow unclosed": "a: [1, 2\nb: 3\n",
    "tags": "a: !!str 12\nb: !!int '12'\nc: !!float 1\nd: !!bool 'yes'\ne: !!null x\nf: !!str\ng: !!str true\n",
    "tag float forms": "- !!float 1e3\n- !!float inf\n- !!float '1:30.5'\n- !!float -2\n",
    "tag int forms": "- !!int 0x1F\n- !!int '1_000'\n- !!int 017\n- !!int -5\n",
    "tag int bad": "a: !!int abc\n",
    "tag int empty bits": "a: 0b_\n",
    "tag int float": "a: !!int 1.5\n",
    "tag bool bad": "a: !!bool y\n",
    "tag float bad": "a: !!float x\n",
    "tag timestamp": "a: !!timestamp 2001-1-1\nb: !!timestamp '2001-12-14 21:59:43'\n",
    "tag timestamp bad": "a: !!timestamp x\n",
    "date bad": "a: 2023-02-30\n",
    "tag binary": "a: !!binary aGVsbG8=\nb: !!binary |\n  aGVs\n  bG8h\n",
    "tag binary bad": "a: !!binary aGVsbG8\n",
    "tag set": "a: !!set {x, y}\nb: !!set\n  ? p\n  ? q\n",
    "tag omap": "a: !!omap [x: 1, y: [2]]\nb: !!pairs [x: 1, x: 2]\n",
    "tag omap bad": "a: !!omap [x]\n",
    "tag omap two": "a: !!omap [{x: 1, y: 2}]\n",
    "tag seq map": "a: !!seq [1]\nb: !!map {x: 1}\n",
    "tag seq on map": "a: !!seq {}\n",
    "tag map on scalar": "a: !!map x\n",
    "tag str on map": "a: !!str {}\n",
    "tag python": "a: !!python/unicode x\nb: !!python/dict {y: 1}\n",
    "tag python tuple": "a: !!python/tuple [1]\n",
    "tag python object": "a: !!python/object/apply:os.system ['true']\n",
    "tag unknown": "a: !foo x\n",
    "tag unknown on list": "a: !foo [x]\n",
    "tag non-specific": "a: ! 12\nb: ! x\nc: ! '12'\nd: ! [1]\n",
    "tag verbatim": "a: !<tag:yaml.org,2002:str> 12\n",
    "tag directive": "%TAG !y! tag:yaml.org,2002:\n---\na: !y!int '3'\n",
    "tag handle undefined": "a: !q!int 3\n",
    "unsafe": "a: !unsafe '{{ x }}'\nb: !unsafe 12\nc: !unsafe [x, 1]\n",
    "vault on map": "a: !vault {x: 1}\n",
    "directive 1.1": "%YAML 1.1\n---\na: 1\n",
    "directive 1.2": "%YAML 1.2\n---\na: yes\n",
    "directive 2.0": "%YAML 2.0\n---\na: 1\n",
    "directive unknown": "%FOO\n---\na: 1\n",
    "tab indent": "a:\n\tb: 1\n",
    "tab first": "\ta: 1\n",
    "tab after colon": "a:\t1\nb: [\t2 ]\n",
    "tab before comment": "a: 1\t# x\n",
    "colon in value": "a: b: c\n",
    "no space": "a:1\nb: 2\n",
    "no space alone": "a:1\n",
    "bad indent": "a:\n  b: 1\n c: 2\n",
    "list in map": "a: 1\n- b\n",
    "map in list": "- a\nb: 1\n",
    "quote open": "a: \"b\n",
    "quote open single": "a: 'b\nc: d\n",
    "quote then text": "a: \"b\" c\n",
    "quote escape": "a: \"\\d\"\n",
    "quote surrogates": "a: \"\\ud83d\\ude00\"\n",
    "at sign": "a: @b\n",
    "backtick": "a: `b`\n",
    "percent": "a: %b\n",
    "star": "a: *\n",
    "ampersand": "a: &\n",
    "pipe text": "a: | b\n",
    "exclamation": "a: !b\n",
    "nul": "a: b\0c\n",
    "control": "a: b\x01c\n",
    "escape": "a: \x1b[0m\n",
    "dashes": "a: ---\nb: - c\n",
    "dash inline list": "a: - b\n",
    "jinja": "- hosts: all\n  vars:\n    x: \"{{ y | default('z') }}\"\n  tasks:\n    - debug: msg=\"{{ x }}\"\n      when: x == 'a' and y is defined\n    - {name: t, shell: \"echo {{ x }}\"}\n",
    "key with spaces": "a b c: d e f\n'q r': s\n\"t\": u\n",
    "colon keys": "a:b: c\n::d: e\n",
    "urls": "a: http://x.y/z?q=1#frag\nb: [http://x, 'c: d']\n",
    "windows path": "a: C:\\dir\\new\nb: 'C:\\x'\nc: \"C:\\\\x\"\n",
    "multi key types in flow": "{1: 2, yes: no, ~: ~, 1.5: x}\n",
    "dates in flow": "[2001-01-01, 2001-01-01 10:00:00]\n",
    "long text": "a: " + "word " * 400 + "\n",
    "scalar document": "just text\n",
    "scalar document int": "42\n",
    "list document": "[1, two]\n",
    "json": '{"a": [1, 2.5, "x\\u00e9\\n", true, null], "b": {"c": {}}}',
    "json tabs": '{\n\t"a": 1\n}',
    "json slash": '{"a": "\\/"}',
    "deep": "a: " + "[" * 60 + "]" * 60 + "\n",
}

DUMP_VALUES = {
    "scalars": [None, True, False, 0, -5, 12345678901, 1.5, -0.0, 1e17, 1e-7, 1.0, 3.14, 1e300, "text"],
    "empty": {},
    "empty list": [],
    "empty string": "",
    "string": "hello",
    "int": 5,
    "null": None,
    "nested": {"a": {"b": [1, {"c": [], "d": {}}], "e": "f"}, "g": [[1, 2], [3, [4]]]},
    "lists of dicts": [{"name": "x", "v": 1}, {"name": "y", "v": [1, 2]}],
    "looks like": ["yes", "No", "ON", "true", "null", "~", "", "1", "1.5", "0x1f", "012", "08", "1e3", "1:30", "2001-01-01", "=", "<<", ".5", ".inf", "0b1", "1_000", "-", "- a", "?", "? a", ":", ": a", "a:", "a: b", "a :b", "a #b", "#a", "a#"],
    "indicators": ["!a", "&a", "*a", "%a", "@a", "`a", "|", "|a", ">", ">a", "'a", "\"a", "{a", "[a", "a]", "a}", ",a", "a,b", "a, b", "--- a", "... a", "---", "...", "{{ x }}", "{% if %}", "[]", "{}"],
    "spaces": [" a", "a ", " ", "  ", "a  b", "\ta", "a\t", "a\tb", "\t"],
    "newlines": ["a\nb", "a\n", "\na", "\n", "a\n\nb", "a\n b", " a\nb", "a \nb", "a\n\n", "one\ntwo\nthree\n", "a\r\nb", "a\rb"],
    "multi line in dict": {"script": "#!/bin/sh\necho a\n\nexit 0\n", "k": "a\nb"},
    "unicode": ["é", "日本", "😀", "a\u0085b", "a\u2028b", "\ufeffa", "\u00a0", "a\u200bb", "\u0001", "\u0000", "\u007f", "\u0080", "\ud7ff", "\uffff", "\ufffe", "é: b"],
    "quotes": ["it's", "say \"x\"", "'", "''", "\"", "a'b\nc", "\\", "a\\b", "a\\nb", "C:\\x"],
    "long plain": {"a": "word " * 40 + "end", "b": ["another " * 30 + "end"]},
    "long single": {"a": ": " + "it's a long " * 20 + "end"},
    "long double": {"a": "\t" + "tab and long " * 20 + "end", "b": "x\x01" + "y" * 100 + " z" * 60},
    "long double spaces": "\x01" + "a  b   " * 40,
    "long no spaces": "x" * 200,
    "long url list": {"a": ["http://example.com/" + "p" * 90, "q " * 60]},
    "long multi line": "line one " * 15 + "\n" + "line two " * 15 + "\n",
    "long unicode": {"a": "é日本 " * 40, "b": "\u0001é日本 " * 20},
    "long key": {"k" * 130: 1, "m" * 128: 2, "n" * 127: 3, "multi\nline": 4, "": 5},
    "odd key text": {"yes": 1, "1": 2, "a: b": 3, " c": 4, "#": 5, "{": 6, "null": 7, "a b": 8, "é": 9},
    "sort": {"b": 1, "a": 2, "B": 3, "_": 4, "é": 5, "aa": 6, "10": 7, "9": 8},
    "deep": {"a": {"b": {"c": {"d": {"e": {"f": [{"g": {"h": [1]}}]}}}}}},
    "list in list in dict": {"a": [[["x"], "y"], {"k": [["z"]]}]},
    "long flow list": {"a": list(range(60)), "b": ["item number %d" % i for i in range(20)]},
    "long flow dict": {"k%d" % i: "v%d" % i for i in range(40)},
    "ansible vars": {"hosts": [{"name": "web01", "ip": "10.0.0.1", "ports": [80, 443]}], "mode": "0644", "when": "x == 'a'", "tmpl": "{{ a }}", "url": "http://a/b?c=d&e=f", "enabled": True},
    "comment like": ["a # b", "a #", "# a", "a#b", "x: # y"],
    "time like": ["10:30", "10:30:15", "00:11:22:33:44:55", "1:2:3", "12:30:45.5"],
    "mixed string ends": ["a:", "a:b", "a: ", "a -", "a?", "-a", "?a", ":a", "a|", "a>", "a%", "a@"],
}
DUMP_YAML = {
    "dates": "[2001-12-14, 2001-12-14 21:59:43, 2001-12-14 21:59:43.10 -5, 2001-12-14T01:02:03Z]",
    "date keys": "{2001-12-14: a, 2000-01-01: b}",
    "mixed keys": "{1: a, b: c, ~: d, true: e}",
    "number keys": "{10: a, 9: b, 1.5: c, true: d, -1: e}",
    "null key": "{~: a}",
    "tuples": "!!omap [a: 1, b: [2]]",
    "anchored": "a: &x [1, 2]\nb: *x\nc: {d: *x, e: &y {f: 1}}\ng: *y\n",
    "anchored empty": "a: &x []\nb: *x\nc: &y {}\nd: *y\n",
    "anchored nested": "- &a [&b {x: 1}, *b]\n- *a\n- *b\n",
    "anchored date": "- &a 2001-01-01\n- *a\n",
    "anchored text": "- &a text\n- *a\n- &b 12\n- *b\n",
    "floats": "[.inf, -.inf, .nan, 1.0e+17, 1.5e-9, 123456789.123, 1e3]",
}
STYLES = {
    "nice": {"indent": 4, "default_flow_style": False, "allow_unicode": True},
    "yaml": {"default_flow_style": None, "allow_unicode": True},
    "flow": {"default_flow_style": True, "allow_unicode": True},
    "ascii": {"default_flow_style": False, "allow_unicode": False},
}
EXTRA = [
    {"indent": 2, "default_flow_style": False, "allow_unicode": True, "sort_keys": False},
    {"indent": 4, "default_flow_style": False, "allow_unicode": True, "width": 40},
    {"indent": 8, "default_flow_style": False, "allow_unicode": True, "width": 1000},
    {"default_flow_style": None, "allow_unicode": True, "width": 30, "explicit_start": True},
    {"default_flow_style": False, "allow_unicode": True, "explicit_start": True, "explicit_end": True},
    {"default_flow_style": False, "allow_unicode": True, "width": -1},
    {"default_flow_style": True, "allow_unicode": True, "width": 20, "indent": 1},
]


def quote(text):
    return "s" + json.dumps(str(text))


def describe(v):
    """One line that tells values and their types apart."""
    if v is None:
        return "null"
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, int):
        # Beyond 64 bits we keep the digits as a string.
        return "i%d" % v
    if isinstance(v, float):
        return "f" + repr(v)
    if isinstance(v, (datetime.date, datetime.datetime)):
        return "t" + str(v)
    if isinstance(v, bytes):
        return quote(v.decode())
    if isinstance(v, str):
        return quote(v)
    if isinstance(v, tuple):
        return "(" + ", ".join(describe(x) for x in v) + ")"
    if isinstance(v, set):
        return "[" + ", ".join(sorted(describe(x) for x in v)) + "]"
    if isinstance(v, dict):
        return "{" + ", ".join(describe(k) + ": " + describe(x) for k, x in v.items()) + "}"
    return "[" + ", ".join(describe(x) for x in v) + "]"


def places(v, out):
    """line:column of every string, list and dict, outside in."""
    pos = getattr(v, "ansible_pos", None)
    if pos:
        out.append("%d:%d" % (pos[1], pos[2]))
    if isinstance(v, dict):
        for k, x in v.items():
            places(k, out)
            places(x, out)
    elif isinstance(v, (list, tuple)):
        for x in v:
            places(x, out)
    return out


def load(text):
    loader = AnsibleLoader(text, file_name="f")
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def beyond_64_bits(v):
    """True when a whole number in it is one that ours keeps as a string, which then has a place."""
    if isinstance(v, dict):
        return any(beyond_64_bits(x) for pair in v.items() for x in pair)
    if isinstance(v, list):
        return any(beyond_64_bits(x) for x in v)
    return isinstance(v, int) and not -(2 ** 63) <= v < 2 ** 63


def load_case(name, text):
    case = {"name": name, "yaml": text}
    try:
        v = load(text)
        case["want"] = describe(v)
        # Where properties or merges stand before a value, ours is the place of the value itself.
        if not any(c in text for c in "!&<\r\x85") and not beyond_64_bits(v):
            case["places"] = " ".join(places(v, []))
    except Exception:
        case["error"] = True
    return case


def random_scalars(n):
    rng = random.Random(20)
    pool = ["0", "1", "7", "8", "9", "12", "b", "x", "_", ":", ".", "e", "E", "+", "-", "a", "f", "30", "59", "60", "0x",
            "0b", "2001-01-01", "T", "inf", "nan", "yes", "~"]
    out = []
    while len(out) < n:
        s = "".join(rng.choice(pool) for _ in range(rng.randint(1, 6)))
        try:
            v = load("- " + s + "\n")
        except Exception:
            continue
        if isinstance(v, list) and len(v) == 1 and not isinstance(v[0], (dict, list)):
            out.append({"yaml": s, "want": describe(v[0])})
    return out


def random_text(rng):
    pool = ["a", "b", "word", " ", "  ", "\n", "'", '"', ":", ": ", " #", "#", "-", "- ", "?", ",", "[", "]", "{", "}",
            "é", "日本", "\t", "\\", "%", "@", "!", "&", "*", "|", ">", "=", "1", "0", ".", "yes", "~", "\x01", "\u0085",
            "😀", "{{ x }}", "x" * 30, "y" * 79, "lorem ipsum dolor sit amet "]
    return "".join(rng.choice(pool) for _ in range(rng.choice([1, 2, 3, 5, 8, 30])))


def random_value(rng, depth):
    kind = rng.random()
    if depth > 4 or kind < 0.5:
        return random_text(rng)
    if kind < 0.6:
        return rng.choice([None, True, False, 0, 7, -1, 1.5, [], {}])
    if kind < 0.8:
        return [random_value(rng, depth + 1) for _ in range(rng.randint(1, 4))]
    return {random_text(rng): random_value(rng, depth + 1) for _ in range(rng.randint(1, 4))}


def fresh(v):
    """A copy that shares nothing, so that no anchors are written."""
    if isinstance(v, dict):
        return {fresh(k): fresh(x) for k, x in v.items()}
    if isinstance(v, list):
        return [fresh(x) for x in v]
    if isinstance(v, tuple):
        return tuple(fresh(x) for x in v)
    if isinstance(v, datetime.datetime):
        return datetime.datetime(v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond, v.tzinfo)
    if isinstance(v, datetime.date):
        return datetime.date(v.year, v.month, v.day)
    return v


def dump_case(name, source, value, style, aliases=False):
    text = yaml.dump(value if aliases else fresh(value), Dumper=AnsibleDumper, **style)
    case = {"name": name, "style": dict(style), "want": text}
    case.update(source)
    if aliases:
        case["aliases"] = True
    return case


def dump_cases():
    out = []
    for name, v in DUMP_VALUES.items():
        for style_name, style in STYLES.items():
            out.append(dump_case("%s (%s)" % (name, style_name), {"value": v}, v, style))
    for i, style in enumerate(EXTRA):
        for name in ("nested", "long plain", "long flow list", "sort", "string", "newlines", "ansible vars"):
            out.append(dump_case("%s (extra %d)" % (name, i), {"value": DUMP_VALUES[name]}, DUMP_VALUES[name], style))
    for name, text in DUMP_YAML.items():
        v = load(text)
        for style_name in ("nice", "yaml"):
            out.append(dump_case("%s (%s)" % (name, style_name), {"yaml": text}, v, STYLES[style_name]))
            out.append(dump_case("%s (%s, aliases)" % (name, style_name), {"yaml": text}, v, STYLES[style_name], True))
    rng = random.Random(14)
    for i in range(120):
        v = random_value(rng, 0)
        style = rng.choice(list(STYLES.values()) + EXTRA)
        out.append(dump_case("random %d" % i, {"value": v}, v, style))
    return out


def write(name, cases):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as f:
        f.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")


def main():
    os.makedirs(HERE, exist_ok=True)
    cases = [load_case("scalar " + s, "- " + s + "\n") for s in SCALARS]
    cases += [load_case("key " + s, s + ": v\n") for s in SCALARS[:120:5]]
    cases += [load_case(k, v) for k, v in LOAD.items()]
    write("load.json", cases)
    write("scalars.json", random_scalars(600))
    write("dump.json", dump_cases())


if __name__ == "__main__":
    main()
