#!/usr/bin/python3
"""Differential fuzzing: random templates and values from a grammar, rendered by Jinja2 and by `play`.

Usage: /usr/bin/python3 tests/oracle/jinja_fuzz.py BUILD_DIR [COUNT [SEED]] [-v]

The same seed makes the same templates. Texts must be equal byte by byte; where Jinja2 fails `play` must fail, and the
lines of syntax errors must be equal. Each difference is printed as a case for tests/cases/jinja; exit code 1 when there
is one, 77 when Jinja2 is not installed. What is left out of the grammar, and why, stands in EXCLUDED.
"""
import copy
import json
import os
import random
import re
import resource
import subprocess
import sys
import traceback
import warnings

try:
    import jinja2
except ImportError:
    print("jinja2 is not installed")
    sys.exit(77)

warnings.simplefilter("ignore")

MEMORY = resource.getrlimit(resource.RLIMIT_AS)

# Results that depend on CPython's addresses, hash seed, recursion limit, or that we refuse on purpose.
EXCLUDED = re.compile(r" at 0x|<built-in|<bound method|<class '|<function|<method|recursion|iterator object|generator object", re.I)

VARS = {
    "i": 7, "z": 0, "neg": -3, "big": 123456789012, "f": 1.5, "g": -0.25, "e": 1e20, "t": True, "no": False, "n": None,
    "s": "hello World", "empty": "", "html": "<b>\"x\" & 'y'</b>", "u": "Ünïcödé ßtr", "num": "42", "flt": "3.25",
    "lines": "first\n\n  second\nthird", "fmt": "%s-%s", "brace": "{} {0}", "spaces": "  a  b ", "path": "/etc/foo.d/x.conf",
    "l": [3, 1, 2], "l0": [], "w": ["b", "A", "c", "a"], "mixed": [1, "a", None, True, 2.5], "nested": [[1, 2], [3, [4]]],
    "d": {"a": 1, "b": [1, 2, {"c": "deep"}], "key": "v"}, "d0": {}, "num_keys": {"x": 2, "y": 1, "z": 3},
    "users": [{"name": "bob", "age": 3, "tags": ["x"]}, {"name": "al", "age": 7, "tags": []},
              {"name": "Cy", "age": 3, "tags": ["y", "z"]}],
    "tree": [{"v": 1, "kids": [{"v": 2, "kids": []}, {"v": 3, "kids": [{"v": 4, "kids": []}]}]}],
    "dup": [1, 1.0, True, "1", "a", "A", "a"], "ints": [5, 3, 8, 1], "strs": ["x", "yy", "Zz"],
}
NAMES = list(VARS)
UNDEF = ["missing", "nope"]
STRINGS = ["a", "b", "", "x y", "<i>", "&", "%s", "{}", "é", "A-b", "1", "0x1f", ",", "name", "hello", "\\n", "o", " "]


class Maker:
    """One template with what it needs."""

    def __init__(self, rnd):
        self.r = rnd
        self.locals = []
        self.macros = []
        self.in_loop = 0
        self.small = rnd.random() < 0.75  # most are short: they cost little and differ by what they are made of
        self.budget = rnd.choice([1, 1, 2, 3] if self.small else [6, 12, 25, 40])
        self.opts = {}
        self.ext = []
        self.templates = {}
        self.buffered = 0  # bodies around whose output is kept: of macro, call, filter and set
        self.fits = rnd.random() < 0.6  # types fit nearly everywhere, so that more of the template runs

    def pick(self, *options):
        return self.r.choice(options)

    def chance(self, p):
        return self.r.random() < p

    # -- expressions
    def string(self):
        return json.dumps(self.r.choice(STRINGS), ensure_ascii=False).replace("\\\\", "\\")

    def literal(self):
        k = self.r.randrange(12)
        if k < 4:
            return str(self.pick(0, 1, 2, 3, 5, 10, -1, 100, 2**31, 2**63, 10**20))
        if k < 5:
            return self.pick("0.5", "1.0", "2.25", "1e3", "1e-7", "3.14159", "0x1F", "0b101", "0o17", "1_000")
        if k < 9:
            return self.string()
        return self.pick("true", "false", "none", "True", "[]", "{}", "()", "(1,)", "(1, 2)", "[1, 'a']", "{'k': 1}",
                         "{1: 2, 'x': [3]}")

    def name(self):
        k = self.r.random()
        if self.locals and k < 0.3:
            return self.r.choice(self.locals)
        if k < 0.36:
            return self.r.choice(UNDEF)
        if self.in_loop and k < 0.45:
            return "loop." + self.pick("index", "index0", "revindex", "revindex0", "first", "last", "length", "depth",
                                       "previtem", "nextitem", "depth0")
        return self.r.choice(NAMES)

    def sequence(self):
        return self.pick("l", "w", "mixed", "nested", "users", "dup", "ints", "strs", "l0", "d", "s", "range(%d)"
                         % self.r.randrange(6), "range(1, %d, 2)" % self.r.randrange(9), "[1, 2, 3]", "num_keys", "tree",
                         "d.b", "users | map(attribute='name') | list", "dict(a=1, b=2)", "('x', 'y')")

    def args(self, n):
        return ", ".join(self.expr(1) for _ in range(n))

    def filter(self):
        f = self.pick(
            "abs", "upper", "lower", "title", "capitalize", "trim", "length", "count", "first", "last", "list", "string",
            "int", "float", "escape", "e", "safe", "striptags", "reverse | list", "sort", "unique | list", "min", "max",
            "sum", "join", "wordcount", "tojson", "urlencode", "dictsort", "items | list", "round", "default('d')",
            "center(%d)" % self.r.randrange(14), "truncate(%d)" % self.pick(5, 9, 20), "indent(%d)" % self.r.randrange(5),
            "batch(2) | list", "slice(2) | list", "map('upper') | list", "map('int') | list", "map('string') | join('-')",
            "select | list", "reject | list", "select('odd') | list", "select('string') | list", "reject('none') | list",
            "selectattr('age') | list", "rejectattr('tags') | list", "map(attribute='name') | list",
            "map(attribute='name', default='?') | join", "groupby('age') | list", "sum(attribute='age')",
            "sort(attribute='name') | map(attribute='name') | list", "sort(reverse=true)", "sort(case_sensitive=true)",
            "selectattr('age', 'gt', 3) | list", "filesizeformat", "filesizeformat(true)", "format(1, 2)",
            "wordwrap(%d)" % self.pick(3, 6, 10), "xmlattr", "attr('a')", "forceescape", "pprint", "d('x', true)")
        k = self.r.random()
        if k < 0.6:
            return f
        return self.pick(
            "join(%s)" % self.string(), "replace(%s, %s)" % (self.string(), self.string()), "default(%s)" % self.expr(1),
            "default(%s, true)" % self.expr(1), "round(%d)" % self.r.randrange(-2, 4), "round(1, 'floor')",
            "round(method='ceil')", "int(%s)" % self.literal(), "int(0, 16)", "float(%s)" % self.literal(),
            "truncate(%d, true, %s)" % (self.r.randrange(12), self.string()), "truncate(7, leeway=0)",
            "batch(3, 'x') | list", "slice(3, 'y') | list", "indent(2, true)", "indent(width=3, blank=true)",
            "indent('> ')", "center(9)", "trim('%s')" % self.pick("h", "<>", " a"), "dictsort(true, 'value')",
            "dictsort(reverse=true)", "unique(true) | list", "unique(attribute='age') | map(attribute='name') | list",
            "min(attribute='age')", "max(case_sensitive=true)", "sort(false, true)", "sum(start=%s)" % self.literal(),
            "map('replace', 'a', 'b') | list", "map('default', 1) | list", "map('round', 1) | list",
            "select('equalto', %s) | list" % self.literal(), "reject('in', %s) | list" % self.sequence(),
            "tojson(indent=2)", "format(%s)" % self.expr(1), "wordwrap(5, false)", "wordwrap(7, wrapstring='|')",
            "groupby('age', default=0) | list", "map('length') | list", "urlize", "urlize(10, true)", "xmlattr(false)",
            "reverse | list", "first | default", "selectattr('name', 'in', %s) | list" % self.sequence())

    def options(self):
        """A filter with options by name and at the edges of what they take."""
        r, q = self.r, self.string
        b = lambda: self.pick("true", "false")  # noqa: E731
        n = lambda: self.pick("0", "1", "2", "3", "-1", "7", "20", "none", "'2'")  # noqa: E731
        a = lambda: self.pick("'name'", "'age'", "'tags'", "'nope'", "'name.0'", "'tags.0'", "0", "'0'", "'a'", "1",  # noqa: E731
                              "none", "'age,name'", "'v'", "''")
        t = lambda: self.pick("defined", "odd", "eq", "in", "gt", "string", "none", "mapping", "sameas", "lt", "nope",  # noqa: E731
                              "divisibleby", "==", "!=", "even", "undefined", "iterable", "lower")
        return self.pick(
            "sort(attribute=%s, reverse=%s)" % (a(), b()), "sort(case_sensitive=%s, attribute=%s)" % (b(), a()),
            "unique(case_sensitive=%s, attribute=%s) | list" % (b(), a()), "min(attribute=%s, case_sensitive=%s)" % (a(), b()),
            "max(attribute=%s)" % a(), "sum(attribute=%s, start=%s)" % (a(), n()), "join(%s, attribute=%s)" % (q(), a()),
            "groupby(%s, default=%s) | list" % (a(), q()), "groupby(%s, case_sensitive=%s) | list" % (a(), b()),
            "groupby(%s) | map(attribute='grouper') | list" % a(), "groupby(%s) | map('last') | map('length') | list" % a(),
            "map(attribute=%s) | list" % a(), "map(attribute=%s, default=%s) | list" % (a(), q()),
            "map('%s') | list" % self.pick("upper", "length", "first", "string", "int", "abs", "nope", "list", "e", "tojson",
                                           "title", "trim", "float", "sort", "reverse"),
            "map('%s', %s) | list" % (self.pick("join", "default", "round", "replace", "truncate", "center", "int", "attr"), n()),
            "map('%s', %s) | list" % (self.pick("join", "default", "trim", "attr", "format", "indent"), q()),
            "select('%s', %s) | list" % (t(), self.literal()), "select('%s') | list" % t(), "reject('%s') | list" % t(),
            "reject('%s', %s) | list" % (t(), self.literal()), "selectattr(%s) | list" % a(), "rejectattr(%s) | list" % a(),
            "selectattr(%s, '%s') | list" % (a(), t()), "selectattr(%s, '%s', %s) | list" % (a(), t(), self.literal()),
            "rejectattr(%s, '%s', %s) | list" % (a(), t(), self.literal()), "batch(%s, %s) | list" % (n(), q()),
            "batch(linecount=%s) | list" % n(), "slice(%s, fill_with=%s) | list" % (n(), q()), "slice(slices=%s) | list" % n(),
            "round(precision=%s, method=%s)" % (n(), self.pick("'floor'", "'ceil'", "'common'", "'x'")), "round(%s)" % n(),
            "truncate(length=%s, killwords=%s)" % (n(), b()), "truncate(%s, %s, %s, %s)" % (n(), b(), q(), n()),
            "truncate(end=%s, leeway=%s)" % (q(), n()), "wordwrap(%s, break_long_words=%s)" % (n(), b()),
            "wordwrap(width=%s, break_on_hyphens=%s, wrapstring=%s)" % (n(), b(), q()), "indent(%s, %s, %s)" % (n(), b(), b()),
            "indent(width=%s, first=%s)" % (q(), b()), "center(width=%s)" % n(), "replace(%s, %s, %s)" % (q(), q(), n()),
            "replace(old=%s, new=%s)" % (q(), q()), "default(default_value=%s, boolean=%s)" % (q(), b()), "trim(chars=%s)" % q(),
            "int(default=%s, base=%s)" % (n(), self.pick("2", "8", "10", "16", "36", "0", "1", "37")), "float(default=%s)" % n(),
            "dictsort(case_sensitive=%s, by=%s)" % (b(), self.pick("'key'", "'value'", "'x'")), "dictsort(%s, 'value', %s)" % (b(), b()),
            "tojson(%s)" % n(), "tojson(indent=%s)" % n(), "filesizeformat(binary=%s)" % b(), "xmlattr(autospace=%s)" % b(),
            "urlize(%d, %s)" % (r.randrange(30), b()), "urlize(target='_blank')", "urlize(rel='x y', nofollow=%s)" % b(),
            "first", "last", "attr(%s)" % self.pick("'upper'", "'name'", "'nope'", "1", "missing"), "items | list", "urlencode",
            "striptags | upper", "format(a=1)", "format(*l)", "join | upper | trim", "map | list", "select(1) | list",
            "reverse | join(%s)" % q(), "list | reverse | first", "string | length", "e | e", "safe | e", "e | upper", "e | replace('&', 'x')",
            "safe | indent(2)", "e | join(%s)" % q(), "tojson | upper", "urlize | safe", "striptags | e", "e ~ html", "e + html",
            "e | center(30)", "safe | truncate(9)", "safe | wordwrap(6)", "safe | title", "e | first", "e | list", "e | reverse",
            "e | striptags", "e | trim", "safe | string", "e | int", "e | format(1)", "e | escape | forceescape")

    def test(self):
        return self.pick(
            "defined", "undefined", "none", "number", "string", "mapping", "iterable", "sequence", "boolean", "true",
            "false", "integer", "float", "odd", "even", "lower", "upper", "callable", "escaped", "divisibleby(3)",
            "divisibleby 2", "eq(%s)" % self.literal(), "ne %s" % self.name(), "gt(%s)" % self.literal(), "lt 3", "ge(2)",
            "sameas true", "in %s" % self.sequence(), "equalto 'a'", "not defined", "not none", "not in [1, 'a']",
            "filter", "test")

    def method(self):
        return self.pick(
            "s.upper()", "s.split()", "s.split('o', 1)", "s.replace('l', 'L')", "s.startswith('he')", "u.title()",
            "s.find('o')", "s.index('zz')", "s.join(['a', 'b'])", "s.center(20, '*')", "spaces.strip()", "num.zfill(5)",
            "s.count('l')", "lines.splitlines()", "s.partition(' ')", "d.get('a')", "d.get('zz', 5)", "d.keys() | list",
            "d.values() | list", "d.items() | list", "l.index(2)", "l.count(1)", "f.is_integer()",
            "s.swapcase()", "s.isalpha()", "num.isdigit()", "'{}-{:>5}'.format(i, s)", "'{0:.2f}|{1!r}'.format(f, s)",
            "'{a}'.format(a=l)", "'%s %r' % (s, s)", "'%5.1f|%-4d|%x' % (f, i, i)", "'%(a)s' % d", "brace.format(1, 2)",
            "users[0].name", "users[-1]['age']", "nested[1][1]", "d.b[2].c", "d['b'][0]", "s[1:4]", "l[::-1]", "s[-3:]",
            "w[1:]", "u[::2]", "d.nope", "l[9]", "s.nope.x", "n.x", "users[0].nope.deep", "(1, 2, 3)[1:]", "dict(d, x=1)",
            "path.rsplit('/', 1)[1]", "s.rjust(14) ~ '|'", "i.bit_length()", "s.expandtabs()", "s.title()", "html.lower()",
            "cycler('a', 'b').next()", "joiner('|')()", "namespace(a=1).a", "lipsum is callable", "s.removeprefix('he')")

    def text_name(self):
        return self.pick("s", "u", "html", "lines", "path", "spaces", "num", "empty", "w[0]", "users[0].name", "'aXbX'",
                         "(s | safe)", "(html | e)", "'tab\\there'", "'ǅungla ŉ'")

    def more_methods(self):
        """A method of a text, list or dictionary with arguments that mostly fit."""
        r, t, q = self.r, self.text_name(), self.string
        n = lambda: self.pick(0, 1, 2, 3, -1, -2, 5, 40)  # noqa: E731
        return self.pick(
            "%s.%s()" % (t, self.pick("upper", "lower", "title", "capitalize", "swapcase", "casefold", "strip", "lstrip",
                                      "rstrip", "split", "rsplit", "splitlines", "isalnum", "isalpha", "isascii", "isdecimal",
                                      "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle",
                                      "isupper", "expandtabs", "format")),
            "%s.%s(%s)" % (t, self.pick("strip", "lstrip", "rstrip", "split", "rsplit", "partition", "rpartition", "count",
                                        "find", "rfind", "index", "rindex", "startswith", "endswith", "removeprefix",
                                        "removesuffix", "join"), q()),
            "%s.%s(%s, %d)" % (t, self.pick("split", "rsplit", "find", "rfind", "count", "startswith", "endswith", "index"),
                               q(), n()),
            "%s.%s(%s, %d, %d)" % (t, self.pick("find", "rfind", "count", "startswith", "endswith", "index"), q(), n(), n()),
            "%s.%s(%d%s)" % (t, self.pick("center", "ljust", "rjust", "zfill"), r.randrange(16), ""),
            "%s.%s(%d, %s)" % (t, self.pick("center", "ljust", "rjust"), r.randrange(16), q()),
            "%s.replace(%s, %s%s)" % (t, q(), q(), self.pick("", ", 1", ", 0", ", -1")),
            "%s.split(%s)" % (t, self.pick("none, 1", "sep=','", "maxsplit=1", "none", "'l', maxsplit=1")),
            "%s.splitlines(%s)" % (t, self.pick("true", "keepends=true", "0")),
            "%s.expandtabs(%d)" % (t, n()), "%s.startswith(('a', 'h'))" % t, "%s.translate({97: 'x', 104: none})" % t,
            "%s.join(%s)" % (q(), self.pick("w", "strs", "s", "d", "l", "['<', 'a']")),
            "d.%s" % self.pick("get('b')", "get('nope')", "get(1, 2)", "items() | list", "keys() | sort", "values() | length",
                               "copy()", "pop('a')", "setdefault('a', 1)", "setdefault('new', 1)", "get()"),
            "%s.%s" % (self.pick("l", "ints", "w", "mixed", "[1, 2, 2]", "(1, 2, 2)"),
                       self.pick("count(2)", "index(1)", "index('a')", "copy()", "index(2, 1)", "pop()", "pop(0)",
                                 "append(4)", "insert(0, 9)", "extend([1])", "remove(1)", "reverse()", "sort()", "clear()")),
            "(%s).%s()" % (self.pick("5", "true", "i", "f", "g", "2.0", "10**20", "e"),
                           self.pick("bit_length", "conjugate", "is_integer", "as_integer_ratio", "hex", "bit_count")),
            "%s.%s" % (self.pick("i", "f", "big", "t"), self.pick("real", "imag", "numerator", "denominator")))

    def slices(self):
        n = lambda: self.pick("", "", "0", "1", "2", "-1", "-2", "5", "100", "none", "i", "true")  # noqa: E731
        base = self.pick(self.sequence(), self.text_name(), "(1, 2, 3, 4)", "u", "range(9)", "missing")
        return "%s[%s:%s%s]" % (self.pick(base, "(%s)" % base), n(), n(), self.pick("", ":" + n()))

    def formats(self):
        r = self.r
        spec = (self.pick("", "", "<", ">", "^", "=", "*^", "0>", "é<") + self.pick("", "", "+", " ", "-") + self.pick("", "", "#")
                + self.pick("", "", "0") + self.pick("", "5", "12") + self.pick("", "", "", ",", "_")
                + self.pick("", "", ".0", ".2", ".10") + self.pick("", "s", "d", "f", "e", "g", "%", "x", "X", "o", "b", "c", "n",
                                                                   "E", "G", "F", "z"))
        flags = self.pick("", "", "-", "+", " ", "0", "#", "-0") + self.pick("", "", "5", "12", "*") + self.pick("", "", ".2", ".0", ".")
        conv = self.pick("d", "s", "r", "f", "g", "e", "x", "o", "c", "a", "i", "u", "X", "%", "y")
        v = lambda: self.pick("i", "f", "g", "neg", "s", "big", "t", "n", "l", "e", "u", "'x'", "z", "10**20", "html",  # noqa: E731
                              "missing", "d", "(1, 2)", "(html | e)")
        return self.pick(
            "'{:%s}'.format(%s)" % (spec, v()), "'{0:%s}|{1!%s}'.format(%s, %s)" % (spec, self.pick("r", "s", "a"), v(), v()),
            "'%%%s%s' %% %s" % (flags, conv, v()), "'%%%s%s' %% (%s,)" % (flags, conv, v()),
            "'%%%s%s|%%%s' %% (%s, %s)" % (flags, conv, conv, v(), v()),
            "'%%(%s)%s' %% d" % (self.pick("a", "key", "nope"), conv), "'%s' | format(%s)" % ("%" + flags + conv, v()),
            "'{%s}'.format(%s)" % (self.pick("", "0", "1", "a", "a[0]", "0[0]", "0[a]", "{", "}"), v()),
            "'{a:{w}}|'.format(a=%s, w=%d)" % (v(), r.randrange(9)), "'{}{}'.format(*%s)" % self.pick("l", "w", "s", "d"),
            "'{a}'.format(**%s)" % self.pick("d", "d0", "num_keys"), "'{:>{}}'.format(%s, %s)" % (v(), v()),
            "'%s-%%s' %% %s" % (self.pick("", "%%", "ü"), v()), "('<%%s>' | safe) %% %s" % v(),
            "('<{}>' | safe).format(%s)" % v(), "('%%(a)s' | e) | format(a=%s)" % v())

    def whole(self, d):
        """An expression that gives an integer, as good as always."""
        a = lambda: self.whole(d - 1)  # noqa: E731
        if d <= 0:
            return self.pick("0", "1", "2", "3", "10", "-1", "i", "z", "neg", "big", "2**31", "2**63", "10**20", "l[0]",
                             "users[0].age", "t", "loop.index" if self.in_loop else "7", "loop.revindex0" if self.in_loop else "8")
        return self.pick(
            lambda: "%s + %s" % (a(), a()), lambda: "(%s - %s)" % (a(), a()), lambda: "(%s) * %s" % (a(), self.pick("2", "3", "-1", "i")),
            lambda: "(%s) // %s" % (a(), self.pick("2", "3", "-7", "i")), lambda: "(%s) %% %s" % (a(), self.pick("2", "3", "-7", "i")),
            lambda: "(%s) ** %s" % (a(), self.pick("0", "1", "2", "3")), lambda: "%s | length" % self.seq(d - 1),
            lambda: "(%s) | abs" % a(), lambda: "%s.count(%s)" % (self.words(0), self.string()), lambda: "(%s) | int" % self.words(d - 1),
            lambda: "(%s) | sum" % self.pick("l", "ints", "[1, 2]", "range(5)"), lambda: "%s.find(%s)" % (self.words(0), self.string()),
            lambda: "%s if %s else %s" % (a(), self.truth(d - 1), a()), lambda: "-(%s)" % a(), lambda: "(%s) | round | int" % a(),
            lambda: "%s | wordcount" % self.words(0), lambda: "ints | %s" % self.pick("min", "max", "first", "last"))()

    def words(self, d):
        """An expression that gives text."""
        a = lambda: self.words(d - 1)  # noqa: E731
        if d <= 0:
            return self.pick("s", "u", "html", "lines", "path", "spaces", "num", "flt", "empty", "fmt", "brace", "w[1]", "strs[0]",
                             "users[1].name", "d.key", self.string(), self.string(), "(html | e)", "(s | safe)")
        return self.pick(
            lambda: "(%s ~ %s)" % (a(), self.any(d - 1)), lambda: "(%s + %s)" % (a(), a()),
            lambda: "(%s) | %s" % (a(), self.pick(
                "upper", "lower", "title", "capitalize", "trim", "escape", "e", "safe", "striptags", "reverse", "string", "urlencode",
                "forceescape", "tojson", "pprint", "center(%d)" % self.r.randrange(30), "indent(%d)" % self.r.randrange(5),
                "truncate(%d)" % self.r.randrange(4, 20), "wordwrap(%d)" % self.r.randrange(1, 12), "urlize", "default('x', true)",
                "replace(%s, %s)" % (self.string(), self.string()), "join('-')", "first", "last", "trim('h ')")),
            lambda: "(%s).%s()" % (a(), self.pick("upper", "title", "strip", "swapcase", "capitalize", "lstrip", "casefold")),
            lambda: "(%s)[%s:%s]" % (a(), self.pick("", "1", "-3", "2"), self.pick("", "4", "-1", "100")),
            lambda: "(%s) | join(%s)" % (self.seq(d - 1), self.string()), lambda: "(%s) * %s" % (a(), self.pick("2", "0", "3")),
            lambda: "'%%s|%%r|%%5s' %% (%s, %s, %s)" % (self.any(d - 1), self.any(d - 1), a()),
            lambda: "'{}/{:>6}/{!r}'.format(%s, %s, %s)" % (self.whole(d - 1), a(), self.any(d - 1)), lambda: "(%s) | string" % self.any(d - 1),
            lambda: "(%s) | tojson%s" % (self.any(d - 1), self.pick("", "(indent=2)")), lambda: "(%s) | filesizeformat" % self.whole(d - 1),
            lambda: "%s if %s else %s" % (a(), self.truth(d - 1), a()), lambda: "(%s).zfill(6)" % self.words(0),
            lambda: "(%s).rjust(%d, '.')" % (self.words(0), self.r.randrange(20)), lambda: "(%s).partition('o')[2]" % a(),
            lambda: "(%s) | xmlattr" % self.pick("num_keys", "d0", "{'a': 1, 'b': none}", "dict(x=s)"))()

    def seq(self, d):
        """An expression that gives something to go through."""
        a = lambda: self.seq(d - 1)  # noqa: E731
        if d <= 0:
            return self.pick("l", "l0", "w", "mixed", "nested", "users", "ints", "strs", "d", "s", "range(4)", "[1, 2, 3]", "num_keys",
                             "('x', 'y')", "d.b", "dup", "[[1], []]", "users[0].tags", "lines.splitlines()", "s.split()", "dict(a=1)")
        return self.pick(
            lambda: "(%s) | %s" % (a(), self.pick("list", "reverse", "reverse | list", "unique | list", "batch(2) | list", "slice(2) | list", "map('string') | list",
                                                  "map('upper')", "select", "batch(2)", "slice(3)", "reject('string')", "map('string') | unique",
                                                  "select | list", "reject('none') | list", "map('length') | list", "list | unique | list")),
            lambda: "(%s)[%s:%s]" % (self.pick("l", "w", "mixed", "ints", "users", "range(9)", "(1, 2, 3)"), self.pick("", "1", "-2"),
                                     self.pick("", "2", "-1")),
            lambda: "%s | map('int') | list" % self.pick("ints", "strs", "[1.5, '2']", "l", "range(3)"), lambda: "[%s, %s]" % (self.any(d - 1), self.any(d - 1)),
            lambda: "(%s, %s)" % (self.any(d - 1), self.any(d - 1)), lambda: "{'k': %s}" % self.any(d - 1), lambda: "{(%s) | string: 1} | items | list" % self.words(0),
            lambda: "users | map(attribute='%s') | list" % self.pick("name", "age", "tags.0", "nope"), lambda: "w | sort%s" % self.pick(
                "", "(reverse=true)", "(case_sensitive=true)"),
            lambda: "users | sort(attribute='%s') | map(attribute='name') | list" % self.pick("age", "name", "age,name"),
            lambda: "users | %sattr('%s') | list" % (self.pick("select", "reject"), self.pick("age", "tags", "name", "nope")),
            lambda: "users | groupby('age') | list", lambda: "num_keys | dictsort%s" % self.pick("", "(by='value')", "(reverse=true)"),
            lambda: "l + %s" % self.pick("ints", "w", "[1]"), lambda: "%s | select('%s') | list" % (
                a(), self.pick("string", "number", "defined", "none", "mapping", "sequence", "true", "callable", "sameas(1)", "in([1, 'a'])")))()

    def truth(self, d):
        a = lambda: self.any(d - 1)  # noqa: E731
        return self.pick(
            lambda: "%s is %s" % (self.name(), self.pick("defined", "undefined", "none", "string", "number", "mapping")),
            lambda: "%s %s %s" % (self.whole(d - 1), self.pick("<", "<=", ">", "==", "!="), self.whole(d - 1)), lambda: "not (%s)" % a(),
            lambda: "%s in %s" % (self.words(0), self.words(0)), lambda: "(%s) in %s" % (a(), self.pick("mixed", "w", "[1, 2]", "dup", "nested")),
            lambda: "(%s) %s (%s)" % (a(), self.pick("and", "or", "==", "!="), a()), lambda: "%s is %s" % (self.whole(d - 1), self.pick(
                "odd", "even", "divisibleby 3", "integer", "float", "eq 3", "gt 2")), lambda: "%s is %s" % (self.words(0), self.pick(
                    "lower", "upper", "escaped", "string", "iterable")), lambda: "%s.startswith(%s)" % (self.words(0), self.string()),
            lambda: "(%s) < (%s) <= (%s)" % (self.words(d - 1), self.words(d - 1), self.words(d - 1)))()

    def any(self, d):
        if d <= 0 and self.chance(0.15):
            return self.pick("none", "true", "false", "f", "g", "e", "1.5", "d", "missing | default(1)")
        if self.locals and self.chance(0.15):
            return self.r.choice(self.locals) + " | default('?')"
        return self.pick(self.whole, self.words, self.words, self.seq, self.truth)(d)

    def rare(self):
        """What templates seldom say: literals, generators, objects and numbers at their edges."""
        a = lambda: self.any(1)  # noqa: E731
        num = lambda: self.pick("1e308", "e * 1e300", "-(e * 1e300)", "(e * 1e300 - e * 1e300)", "0.1 + 0.2", "1e16", "1e-5", "123456.789",  # noqa: E731
                                "2**100", "-(2**64)", "10**30", "7", "-7", "2.5", "-0.0", "1_000_0", "0xFFFF_FFFF", "5e-324", "true", "f", "g", "neg",
                                "0.5", "1.5", "1e22", "1e15 + 0.3")
        gen = lambda: "(%s | %s)" % (self.seq(1), self.pick("map('upper')", "map('abs')", "map('int')", "select", "reject", "select('odd')",  # noqa: E731
                                                           "map('nope')", "unique", "batch(2)", "slice(2)", "selectattr('a')", "map('first')",
                                                           "rejectattr('age', 'gt', 3)", "map(attribute='name')", "reverse", "map('list')",
                                                           "select('nope')", "map('length')", "select('in', w)", "map('string')", "items"))
        return self.pick(
            lambda: "%s %s %s" % (num(), self.pick("+", "-", "*", "/", "//", "%", "<", "==", ">="), num()),
            lambda: "(%s) | %s" % (num(), self.pick("round", "round(2)", "round(-2)", "int", "float", "abs", "string", "filesizeformat", "tojson",
                                                    "round(1, 'ceil')", "round(1, 'floor')", "filesizeformat(true)", "pprint", "round | int")),
            lambda: "'%s' %% (%s)" % (self.pick("%s", "%d", "%x", "%.3f", "%e", "%g", "%+d", "%05d", "%i", "%r", "%10.2f", "%-8s|", "%#x", "%c"), num()),
            lambda: "'{:%s}'.format(%s)" % (self.pick("", ",", "_", ".2f", "e", "g", "x", "b", "n", "%", "+", "010", ">12", "^+12,.1f", "_x", "#o",
                                                      "z.1f", "c", ".3", "=+9", "*<9", "s"), num()),
            lambda: "%s | %s" % (gen(), self.pick("first", "list", "join", "last", "length", "sum", "max", "sort", "reverse | list", "tojson", "unique | list",
                                                  "batch(2) | list", "map('string') | join('-')", "first | default('none')", "min", "random is defined",
                                                  "select | first", "map('upper') | first", "groupby('a') | list", "dictsort", "list | length")),
            lambda: "%s in %s" % (a(), gen()), lambda: "%s is %s" % (gen(), self.pick("iterable", "sequence", "defined", "mapping", "string", "none")),
            lambda: "%s and %s" % (gen(), a()), lambda: "'-'.join(%s)" % gen(), lambda: "dict(%s)" % self.pick(gen(), "num_keys, z=9", "[('a', 1)]", "**d", "w"),
            lambda: "%s[%s:%s:%s]" % (self.pick("l", "u", "w", "range(9)", "(1, 2, 3, 4)", "s", "lines"), self.pick("", "-1", "3", "-9", "9"),
                                      self.pick("", "-3", "0", "100", "-100"), self.pick("-1", "-2", "2", "", "3", "0")),
            lambda: self.pick('"a" "b"', "'\\x41\\u00e9\\n'", "'it\\'s'", '"\\t|\\\\"', "'a' 'b' ~ 'c'", "'\\101'", "'\\q'"),
            lambda: "%s.%s" % (self.pick("d", "num_keys", "users[0]"), self.pick("keys()", "values()", "items()")) + self.pick(
                " | list", " | first", " | sort", " | length", " | join(',')", " is iterable", " is sequence", " | map('string') | list", " | unique | list", " | tojson",
                " | reverse | list", " | last"),
            lambda: "%s == %s" % (self.pick("d.keys()", "range(3)", "(1, 2)", "[1, 2]", "d.items()", "l", "1", "1.0", "'1'", "none", "missing"),
                                  self.pick("d.keys()", "range(3)", "(1, 2)", "[1, 2]", "l", "true", "1", "'1'", "range(0, 3, 1)", "nope")),
            lambda: "(%s, %s) < (%s, %s)" % (a(), num(), a(), num()), lambda: "[%s, %s] | sort" % (a(), a()), lambda: "not %s is %s" % (a(), self.test()),
            lambda: "%s | default(%s, %s)" % (self.name(), a(), self.pick("true", "false")), lambda: "%s.%s.%s | default(1)" % (self.name(), "x", "y"),
            lambda: "namespace(%s).%s" % (self.pick("a=1", "d", "d, a=2", "x"), self.pick("a", "key", "nope")),
            lambda: "cycler(%s).%s" % (self.pick("1, 2", "*w", "s"), self.pick("next()", "current", "reset()")),
            lambda: "%s | %s | %s" % (self.words(1), self.pick("safe", "e", "forceescape", "string", "striptags"), self.pick("e", "upper", "safe", "length", "replace('<', '&')",
                                                                                                           "trim", "e ~ '<'", "indent", "wordwrap(3)", "join('<')")),
            lambda: "(%s) * %s" % (self.pick("[1, 2]", "(1,)", "'ab'", "(html | e)"), self.pick("0", "-1", "2", "true", "1.0", "'x'")),
            lambda: "loop" + self.pick("", ".index", ".nope", "(1)"), lambda: self.pick("self", "self.a", "caller", "super", "varargs", "range", "dict") + self.pick(
                " is defined", " is callable", " | default('x') is string"))()

    def expr(self, depth=None):
        depth = self.r.randrange(4) if depth is None else depth
        if self.chance(0.08):
            return self.rare()
        if self.fits and self.chance(0.93):
            if self.macros and self.chance(0.06):
                m, n = self.r.choice(self.macros)
                return "%s(%s)" % (m, ", ".join(self.any(1) for _ in range(n)))
            return self.any(depth)
        if depth > 0 and self.chance(0.16):
            return self.pick(self.more_methods, self.more_methods, self.slices, self.formats)()
        if depth > 0 and self.chance(0.06):
            return "%s | %s" % (self.pick(self.sequence(), self.name(), self.text_name()), self.options())
        if depth <= 0:
            return self.literal() if self.chance(0.4) else self.name()
        sub = lambda: self.expr(depth - 1)  # noqa: E731
        k = self.r.randrange(22)
        if k < 3:
            op = self.pick("+", "-", "*", "/", "//", "%", "**", "~")
            # Repetition and powers stay small: Python would take all memory or time.
            return "%s %s %s" % (sub(), op, self.pick("2", "3", "0", "-1", "i") if op in ("*", "**") else sub())
        if k < 4:
            return "(%s) %s (%s)" % (sub(), self.pick("+", "-", "//", "%", "~", "and", "or"), sub())
        if k < 6:
            return "%s %s %s" % (sub(), self.pick("==", "!=", "<", "<=", ">", ">=", "in", "not in"), sub())
        if k < 7:
            return "%s %s %s %s %s" % (sub(), self.pick("<", "==", "<="), sub(), self.pick("<", "!=", "in"), sub())
        if k < 8:
            return "%s %s %s" % (sub(), self.pick("and", "or"), sub())
        if k < 9:
            return self.pick("not ", "-", "+", "not not ") + sub()
        if k < 14:
            return "%s | %s" % (self.pick(sub(), "(%s)" % sub(), self.name(), self.sequence()), self.filter())
        if k < 16:
            return "%s is %s" % (self.pick(sub(), self.name()), self.test())
        if k < 18:
            return self.method()
        if k < 19:
            return "%s if %s%s" % (sub(), sub(), self.pick("", " else " + sub()))
        if k < 20:
            return self.pick("[%s]", "(%s,)", "(%s)", "{'k': %s}") % sub()
        if k < 21 and self.macros:
            m, n = self.r.choice(self.macros)
            return "%s(%s)" % (m, self.args(self.r.randrange(n + 2)))
        return self.name() + self.pick(".a", "[0]", "['a']", "[i]", ".name", "[1:]", "[-1]", ".0", "[s]", "[none]")

    # -- statements
    def tag(self, text):
        o = self.opts
        a, b = o.get("block_start_string", "{%"), o.get("block_end_string", "%}")
        return a + self.pick("", "", "", "-", "+") + self.pick(" ", " ", "", "\n") + text + " " + self.pick("", "", "", "-",
                                                                                                       "+") + b

    def out(self, text):
        o = self.opts
        a, b = o.get("variable_start_string", "{{"), o.get("variable_end_string", "}}")
        return a + self.pick("", "", "-") + " " + text + " " + self.pick("", "", "-") + b

    def text(self):
        return self.pick("x", " ", "\n", "  \n  ", "text ", "a\nb\n", "<p>", "é", "  ", "\n\n", "{ } %", "# no\n", "")

    def target(self):
        v = self.pick("v1", "v2", "v3")
        return v

    def body(self, extra=()):
        saved = list(self.locals)
        self.locals += extra
        text = "".join(self.statement() for _ in range(self.r.randrange(1, 4)))
        self.locals = saved
        return text

    def kept(self, extra=()):
        self.buffered += 1
        text = self.body(extra)
        self.buffered -= 1
        return text

    def statement(self):
        if self.budget <= 0:
            return self.text()
        self.budget -= 1
        if self.chance(0.07):
            return self.wide()
        k = self.r.randrange(30)
        if k < 6:
            return self.text()
        if k < 14:
            return self.out(self.expr())
        if k < 17:
            t = self.tag("if " + self.expr()) + self.body()
            while self.chance(0.2):
                t += self.tag("elif " + self.expr()) + self.body()
            if self.chance(0.4):
                t += self.tag("else") + self.body()
            return t + self.tag("endif")
        if k < 20:
            return self.loop()
        if k < 22:
            v = self.target()
            if self.chance(0.25):
                t = self.tag("set %s%s" % (v, self.pick("", " | upper", " | trim"))) + self.kept() + self.tag("endset")
            else:
                t = self.tag("set %s = %s" % (v, self.expr()))
            self.locals.append(v)
            return t
        if k < 23:
            return (self.tag("with v1 = %s, v2 = %s" % (self.expr(1), self.expr(1))) + self.body(["v1", "v2"])
                    + self.tag("endwith"))
        if k < 24:
            return self.macro()
        if k < 25:
            return (self.tag("filter " + self.pick("upper", "trim", "replace('x', 'y')", "escape", "indent(2)", "title"))
                    + self.kept() + self.tag("endfilter"))
        if k < 26:
            return self.pick("{# c #}", "{#- c -#}", "{% raw %}{{ x }}{% endraw %}", "{%- raw -%} {% y %} {%- endraw -%}",
                             "{# a\nb #}\n", self.tag("autoescape " + self.pick("true", "false")) + self.body()
                             + self.tag("endautoescape"))
        if k < 27:
            return self.other()
        if k < 28 and self.in_loop and "jinja2.ext.loopcontrols" in self.ext:
            return self.tag("if " + self.expr(1)) + self.tag(self.pick("break", "continue")) + self.tag("endif")
        if k < 29:
            return (self.tag("set ns = namespace(c=0)") + self.tag("for x in " + self.sequence())
                    + self.tag("set ns.c = ns.c + 1") + self.tag("endfor") + self.out("ns.c"))
        if "jinja2.ext.do" in self.ext:
            return self.tag("set acc = []") + self.tag("do acc.append(%s)" % self.expr(1)) + self.out("acc")
        return self.out(self.expr())

    def wide(self):
        """Statements with more than one target, with nested bodies, or around each other."""
        e, o, t, b = self.expr, self.out, self.tag, self.body
        return self.pick(
            lambda: t("set v1, v2 = " + self.pick("1, 2", "l[:2]", "'ab'", "(1, (2, 3))", "d", e(1))) + o("v1") + o("v2"),
            lambda: t("for v1, (v2, v3) in " + self.pick("[(1, (2, 3))]", "[[1, 'ab']]", "users", "d.items()")) + b(["v1", "v2", "v3"]) + t("endfor"),
            lambda: t("set ns = namespace(l=[], n=%s)" % e(1)) + t("for x in " + self.seq(1)) + t("set ns.n = " + self.pick("x", "ns.n ~ x", "[ns.n, x]", "loop.index"))
            + t("endfor") + o("ns.n"),
            lambda: t("set c = cycler('a', 'b', i)") + t("for x in " + self.seq(1)) + o("c.next()") + self.pick("", o("c.current"), t("if x") + "y" + t("endif"))
            + t("endfor"),
            lambda: t("set j = joiner(%s)" % self.pick("", "'|'", "html")) + t("for x in " + self.seq(1)) + o("j()") + o("x") + t("endfor"),
            lambda: t("macro r(n, acc=[])") + o("n") + t("if n is number and n > 0") + o("r(n - 1)") + t("endif") + t("endmacro") + o("r(%s)" % self.pick("3", "0", "s")),
            lambda: t("macro outer(x)") + "(" + o("caller(x)") + ")" + t("endmacro") + t("call(y) outer(%s)" % e(1)) + o("y") + t("call(z) outer(2)") + o("y ~ z")
            + t("endcall") + t("endcall"),
            lambda: t("for x in " + self.seq(1)) + t("for y in " + self.seq(1)) + o("loop.index") + o(self.pick("loop.first", "x", "y", "loop.revindex")) + t("endfor")
            + o("loop.index0") + t("else") + "E" + t("endfor"),
            lambda: t("autoescape %s | default(%s)" % (self.pick("l", "i", "missing"), self.pick("1", "0"))) + b() + t("endautoescape"),
            lambda: t("with") + t("set v1 = " + e(1)) + o("v1") + t("endwith") + o("v1"), lambda: t("with v1 = 1, v2 = v1") + o("v2") + t("endwith"),
            lambda: t("set v2 | %s" % self.pick("upper", "replace('a', 'b') | trim", "length", "e", "safe", "list")) + b() + t("endset") + o("v2") + o("v2 ~ '<'"),
            lambda: t("filter " + self.pick("upper | e", "replace('<', html)", "indent(2) | upper", "wordwrap(5)", "nope", "center(20) | e", "truncate(5, true)"))
            + self.kept() + t("endfilter"),
            lambda: t("block q%d%s" % (self.r.randrange(2), self.pick("", " scoped"))) + b() + t("endblock"),
            lambda: "{#-" + self.pick(" a ", "\n", "{{ x }}", "#") + self.pick("-#}", "#}", "+#}"), lambda: "{%" + self.pick("-", "+", "") + " raw " + self.pick("-", "")
            + "%}" + self.pick(" {{ a }} ", "\n{% x\n", "{# #}") + "{%" + self.pick("-", "", "+") + " endraw " + self.pick("-", "") + "%}\n",
            lambda: t("for x in %s recursive" % self.pick("tree", "[[1, [2]], []]", "nested")) + o("loop.depth ~ loop.index") + t("if x is iterable and x is not mapping")
            + o(self.pick("loop(x)", "loop(x | list)", "loop(x | reverse)")) + t("elif x.kids") + o("loop(x.kids)") + t("else") + o("x") + t("endif") + t("endfor"),
            lambda: t("for x in %s if %s" % (self.seq(1), self.pick("x", "x is string", "loop is defined", "x is not none", e(1)))) + o("loop.length") + o("x") + t("endfor"))()

    def loop(self):
        v = self.target()
        head = "for %s in %s" % (v, self.seq(1) if self.fits else self.pick(self.sequence(), self.sequence(), self.expr(1)))
        if self.chance(0.12):
            head = "for v1, v2 in " + self.pick("d.items()", "num_keys | dictsort", "[(1, 2), (3, 4)]", "d.items() | list",
                                                "users", "num_keys | items")
        if self.chance(0.2):
            head += " if " + self.expr(1).replace("loop.", "i.")
        if self.chance(0.06):
            return (self.tag("for x in tree recursive") + self.out("x.v") + self.out("loop.depth")
                    + "[" + self.out("loop(x.kids)") + "]" + self.tag("endfor"))
        if self.chance(0.05):
            return (self.tag("for x in %s recursive" % self.pick("tree", "tree", "nested", "d.b", "l"))
                    + self.out(self.pick("x.v", "x", "loop.index", "loop.depth0", "loop.previtem"))
                    + self.pick("", self.tag("if x.kids") + self.out("loop(x.kids)") + self.tag("endif"), self.out("loop(x.kids)"),
                                self.tag("if x is sequence and x is not string") + self.out("loop(x) | upper") + self.tag("endif"))
                    + self.pick("", self.tag("else") + "none") + self.tag("endfor"))
        self.in_loop += 1
        t = self.tag(head) + self.body([v])
        if self.chance(0.15):
            t += self.out(self.pick("loop.cycle('a', 'b')", "loop.changed(%s)" % v, "loop.index ~ '/' ~ loop.length",
                                   "loop.previtem is defined", "loop.nextitem | default('end')", "loop.cycle(*w)", "loop.cycle()",
                                   "loop.changed(loop.first, %s)" % v, "loop.nope", "loop.last and loop.first", "loop | length",
                                   "loop.previtem ~ loop.nextitem", "loop is defined", "loop.revindex - loop.index"))
        self.in_loop -= 1
        if self.chance(0.2):
            t += self.tag("else") + self.body()
        return t + self.tag("endfor")

    def macro(self):
        m = self.pick("m1", "m2")
        n = self.r.randrange(3)
        params = ["p%d%s" % (k, "" if k < n - 1 or self.chance(0.5) else "=" + self.literal()) for k in range(n)]
        saved, loops = list(self.locals), self.in_loop
        self.in_loop = 0
        self.locals = ["p%d" % k for k in range(n)]
        self.buffered += 1
        body = "".join(self.statement() for _ in range(self.r.randrange(1, 3)))
        self.buffered -= 1
        self.locals, self.in_loop = saved, loops
        body += self.pick("", "", self.out("varargs"), self.out("kwargs"), self.out("caller()"), self.out("caller(1)"),
                          self.out("caller is defined"), self.out("caller(p0)"), self.out("varargs[0]"),
                          self.out("kwargs | dictsort"), self.out("%s.%s" % (m, self.pick("name", "arguments", "caller",
                                                                                         "catch_kwargs", "catch_varargs"))))
        self.macros.append((m, n))
        t = self.tag("macro %s(%s)" % (m, ", ".join(params))) + body + self.tag("endmacro")
        if self.chance(0.3):
            sig, extra = self.pick(("", []), ("", []), ("(c1)", ["c1"]), ("(c1, c2=3)", ["c1", "c2"]))
            return t + self.tag("call%s %s(%s)" % (sig, m, self.args(n))) + self.kept(extra) + self.tag("endcall")
        return t + self.out("%s(%s)" % (m, self.pick(self.args(n), "p0=1", "1, x=2", "", "*l", "**d", "1, 2, 3, 4", "p1=s",
                                                     "p0=missing", "*[1], **{'k': 2}", "caller=1")))

    def other(self):
        k = self.r.randrange(7)
        if k >= 5:
            return self.modules(k)
        self.templates.setdefault("inc", "[{{ i }}|{{ v1 }}|{{ missing }}]")
        # The macro must not have the name of a variable: what a loop reads before the template sets it at its top is
        # undefined in Jinja2, by the way it names Python's local variables. Here it is the variable.
        self.templates.setdefault("lib", "{% macro mf(a, b=2) %}{{ a }}+{{ b }}+{{ i }}{% endmacro %}{% set c = [1] %}{% set _p = 1 %}")
        if k < 2:
            return self.tag("include %s%s" % (self.pick("'inc'", "'nothere'", "['nothere', 'inc']"),
                                              self.pick("", " ignore missing", " with context")))
        if k < 4:
            return (self.tag("import 'lib' as lib" + self.pick("", " with context"))
                    + self.out(self.pick("lib.mf(1)", "lib.c", "lib.nope", "lib.mf(s, b=l)", "lib._p")))
        return self.tag("from 'lib' import mf%s" % self.pick("", " as g", ", c", ", nope")) + self.out(self.pick(
            "mf(3)", "g(1)", "c", "nope"))

    def modules(self, k):
        """Includes and imports of templates that are generated, too."""
        name = self.pick("one", "two")
        if name not in self.templates:
            self.templates[name] = ""
            saved, loops, macros, buffered = self.locals, self.in_loop, self.macros, self.buffered
            self.locals, self.in_loop, self.macros, self.buffered = ["v1"], 0, [], 0
            self.templates[name] = "".join(self.statement() for _ in range(self.r.randrange(1, 4)))
            self.locals, self.in_loop, self.macros, self.buffered = saved, loops, macros, buffered
        ctx = self.pick("", "", " with context", " without context")
        if k == 5:
            # Jinja2 3.1.2 writes what is included without context past the buffer of the body around, which makes
            # generators of macros and puts text in front of filter blocks. We put it where the tag stands.
            ctx = "" if self.buffered and ctx == " without context" else ctx
            return self.tag("include %s%s%s" % (self.pick("'%s'" % name, "['none', '%s']" % name, "missing", "['x', 'y']", "w"),
                                                self.pick("", " ignore missing"), ctx))
        what = self.pick("v1", "v2", "m1", "m2", "v1 as z, m1", "v3")
        return self.pick(
            self.tag("import '%s' as mod%s" % (name, ctx)) + self.out(self.pick("mod.v1", "mod.m1()", "mod.m1(1)", "mod.v2", "mod",
                                                                               "mod.nope", "mod.m2(2, 3)")),
            self.tag("from '%s' import %s%s" % (name, what, ctx)) + self.out(self.pick("v1", "m1()", "z", "m2(1)", "v2")))

    def inheritance(self, text):
        """A base with blocks of all kinds, a middle template, and the child in front."""
        blocks = "".join(
            self.text() + self.tag("block %s%s" % (b, self.pick("", "", " scoped", " required")))
            + self.pick("", self.out("v1"), "B", self.out("self.a()"), self.body()) + self.tag("endblock" + self.pick("", " " + b))
            for b in "abc")
        self.templates["base"] = (self.tag("set v1 = 1") + self.tag("for v2 in l") + blocks + self.tag("endfor")
                                  if self.chance(0.3) else blocks + self.pick("", self.out("self.a()")))
        child = lambda: "".join(  # noqa: E731
            self.tag("block " + b) + self.body() + self.pick("", self.out("super()"), self.out("super.super()"), self.out("self.b()"))
            + self.tag("endblock") for b in self.r.sample("abcd", 2))
        self.templates["mid"] = self.tag("extends 'base'") + self.text() + self.tag("set v3 = 3") + child()
        head = self.pick("'mid'", "'base'", "'mid'", "'mid' if t else 'base'", "missing", "'m' ~ 'id'")
        front = self.tag("extends " + head)
        if self.chance(0.15):
            front = self.tag("if " + self.expr(1)) + front + self.tag("endif")
        return self.pick("", text) + front + self.pick("", text) + child()

    def template(self):
        text = "".join(self.statement() for _ in range(self.r.randrange(1, 3 if self.small else 6)))
        if self.chance(0.02 if self.small else 0.08):
            base = "<{% block a %}A{{ i }}{% endblock %}|{% for x in l %}{% block b scoped %}{{ x }}{% endblock %}{% endfor %}>"
            self.templates["base"] = base
            text = (self.tag("extends 'base'") + text + self.tag("block " + self.pick("a", "b", "c")) + self.body()
                    + self.pick("", self.out("super()"), self.out("self.a()")) + self.tag("endblock"))
        if self.chance(0.01 if self.small else 0.05):
            text = self.inheritance(text)
        if self.chance(0.04):  # break it
            at = self.r.randrange(len(text) + 1)
            text = text[:at] + self.pick("", "{{", "%}", "{% if %}", "}}", "{#", "'", "|", "{% endfor %}") + text[at + 1:]
        return text

    def case(self, ident):
        if self.chance(0.3):
            for o in ("trim_blocks", "lstrip_blocks", "keep_trailing_newline"):
                if self.chance(0.5):
                    self.opts[o] = True
        if self.chance(0.12):
            self.opts["autoescape"] = True
        if self.chance(0.04):
            self.opts.update(self.pick({"block_start_string": "<%", "block_end_string": "%>"},
                                       {"variable_start_string": "${", "variable_end_string": "}"},
                                       {"line_statement_prefix": "#", "line_comment_prefix": "##"},
                                       {"line_statement_prefix": "%", "trim_blocks": True},
                                       {"comment_start_string": "<#", "comment_end_string": "#>"},
                                       {"variable_start_string": "[[", "variable_end_string": "]]", "block_start_string": "[%",
                                        "block_end_string": "%]"},
                                       {"newline_sequence": "\r\n"}))
        if self.chance(0.3):
            self.ext = ["jinja2.ext.do", "jinja2.ext.loopcontrols"]
        return {"id": ident, "template": self.template(), "vars": VARS, "env": self.opts, "extensions": self.ext,
                "undefined": self.pick("Undefined", "Undefined", "StrictUndefined", "ChainableUndefined"),
                "templates": self.templates}


def oracle(case):
    try:
        env = jinja2.Environment(loader=jinja2.DictLoader(case["templates"]), undefined=getattr(jinja2, case["undefined"]),
                                 extensions=case["extensions"], **case["env"])
        return {"out": env.from_string(case["template"]).render(copy.deepcopy(case["vars"]))}
    except jinja2.TemplateSyntaxError as e:
        return {"error": e.message, "line": e.lineno, "class": type(e).__name__}
    except (RecursionError, MemoryError):
        return {"out": " at 0x"}
    except Exception as e:  # whatever it raises is the expected result
        frames = [f.lineno for f in traceback.extract_tb(e.__traceback__) if f.filename == "<template>"]
        return {"error": str(e), "line": frames[-1] if frames else None, "class": type(e).__name__}


def differs(want, got):
    if "out" in want:
        return want["out"] != got.get("out") and not EXCLUDED.search(want["out"])
    if "out" in got:
        return True
    return want["class"] == "TemplateSyntaxError" and want["line"] != got["line"]


def run(build, cases):
    lines = "".join(json.dumps(c) + "\n" for c in cases)
    play = [os.path.join(build, "bin", "play"), "template", "--json-cases", "-"]
    # the limit is for Jinja2: `play` has its own, and the address sanitizer wants the whole address space
    done = subprocess.run(play, input=lines, capture_output=True, text=True, timeout=600,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, MEMORY))
    got = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or len(got) != len(cases):
        print("play ended with %d after %d of %d cases: %s" % (done.returncode, len(got), len(cases), done.stderr))
        print(json.dumps(cases[len(got)]) if len(got) < len(cases) else "")
        sys.exit(1)
    return got


def main():
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, MEMORY[1]))
    args = [a for a in sys.argv[1:] if a != "-v"]
    build = args[0]
    count = int(args[1]) if len(args) > 1 else 2000
    seed = int(args[2]) if len(args) > 2 else 1
    bad = failing = 0
    for start in range(0, count, 1000):
        cases = [Maker(random.Random("%d-%d" % (seed, k))).case("fuzz-%d-%d" % (seed, k))
                 for k in range(start, min(start + 1000, count))]
        for case, got in zip(cases, run(build, cases)):
            want = oracle(case)
            failing += "error" in want
            if differs(want, got):
                bad += 1
                used = {k: v for k, v in case.items() if k != "vars"}
                print(json.dumps(dict(used, want=want, got=got), ensure_ascii=False))
    print("%d templates, %d of them fail in Jinja2, %d differences" % (count, failing, bad))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
