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

# Results that depend on CPython's addresses, hash seed, recursion limit, or that we refuse on purpose.
EXCLUDED = re.compile(r" at 0x|<built-in|<bound method|<class '|<function|<method|recursion|_iterator object")

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
        self.budget = rnd.choice([6, 12, 25, 40])
        self.opts = {}
        self.ext = []
        self.templates = {}

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
            "reverse", "first | default", "selectattr('name', 'in', %s) | list" % self.sequence())

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

    def expr(self, depth=None):
        depth = self.r.randrange(4) if depth is None else depth
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

    def statement(self):
        if self.budget <= 0:
            return self.text()
        self.budget -= 1
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
                t = self.tag("set %s%s" % (v, self.pick("", " | upper", " | trim"))) + self.body() + self.tag("endset")
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
                    + self.body() + self.tag("endfilter"))
        if k < 26:
            return self.pick("{# c #}", "{#- c -#}", "{% raw %}{{ x }}{% endraw %}", "{%- raw -%} {% y %} {%- endraw -%}",
                             "{# a\nb #}\n", self.tag("autoescape " + self.pick("true", "false", "t")) + self.body()
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

    def loop(self):
        v = self.target()
        head = "for %s in %s" % (v, self.pick(self.sequence(), self.sequence(), self.expr(1)))
        if self.chance(0.12):
            head = "for v1, v2 in " + self.pick("d.items()", "num_keys | dictsort", "[(1, 2), (3, 4)]", "d.items() | list",
                                                "users", "num_keys | items")
        if self.chance(0.2):
            head += " if " + self.expr(1).replace("loop.", "i.")
        if self.chance(0.06):
            return (self.tag("for x in tree recursive") + self.out("x.v") + self.out("loop.depth")
                    + "[" + self.out("loop(x.kids)") + "]" + self.tag("endfor"))
        self.in_loop += 1
        t = self.tag(head) + self.body([v])
        if self.chance(0.15):
            t += self.out(self.pick("loop.cycle('a', 'b')", "loop.changed(%s)" % v, "loop.index ~ '/' ~ loop.length"))
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
        body = "".join(self.statement() for _ in range(self.r.randrange(1, 3)))
        self.locals, self.in_loop = saved, loops
        body += self.pick("", "", self.out("varargs"), self.out("kwargs"), self.out("caller()"))
        self.macros.append((m, n))
        t = self.tag("macro %s(%s)" % (m, ", ".join(params))) + body + self.tag("endmacro")
        if self.chance(0.3):
            return t + self.tag("call %s(%s)" % (m, self.args(n))) + self.body() + self.tag("endcall")
        return t + self.out("%s(%s)" % (m, self.pick(self.args(n), "p0=1", "1, x=2", "")))

    def other(self):
        k = self.r.randrange(5)
        self.templates.setdefault("inc", "[{{ i }}|{{ v1 }}|{{ missing }}]")
        self.templates.setdefault("lib", "{% macro f(a, b=2) %}{{ a }}+{{ b }}+{{ i }}{% endmacro %}{% set c = [1] %}{% set _p = 1 %}")
        if k < 2:
            return self.tag("include %s%s" % (self.pick("'inc'", "'nothere'", "['nothere', 'inc']"),
                                              self.pick("", " ignore missing", " with context")))
        if k < 4:
            return (self.tag("import 'lib' as lib" + self.pick("", " with context"))
                    + self.out(self.pick("lib.f(1)", "lib.c", "lib.nope", "lib.f(s, b=l)", "lib._p")))
        return self.tag("from 'lib' import f%s" % self.pick("", " as g", ", c", ", nope")) + self.out(self.pick(
            "f(3)", "g(1)", "c", "nope"))

    def template(self):
        text = "".join(self.statement() for _ in range(self.r.randrange(1, 6)))
        if self.chance(0.08):
            base = "<{% block a %}A{{ i }}{% endblock %}|{% for x in l %}{% block b scoped %}{{ x }}{% endblock %}{% endfor %}>"
            self.templates["base"] = base
            text = (self.tag("extends 'base'") + text + self.tag("block " + self.pick("a", "b", "c")) + self.body()
                    + self.pick("", self.out("super()"), self.out("self.a()")) + self.tag("endblock"))
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
    except RecursionError:
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
    done = subprocess.run(play, input=lines, capture_output=True, text=True, timeout=600)
    got = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or len(got) != len(cases):
        print("play ended with %d after %d of %d cases: %s" % (done.returncode, len(got), len(cases), done.stderr))
        print(json.dumps(cases[len(got)]) if len(got) < len(cases) else "")
        sys.exit(1)
    return got


def main():
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
