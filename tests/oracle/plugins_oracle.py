#!/usr/bin/python3
"""Writes tests/cases/plugins/*.json: what ansible-core's filters, tests and lookups give.

Run with Debian's python3 and ansible-core 2.14: tests/oracle/plugins_oracle.py
Each line is {"id", "template": expression, "vars", "out": repr of the result} or {..., "error": class}.
"""
import json
import os
import sys
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "cases", "plugins")
FILES = os.path.realpath(os.path.join(OUT, "files"))

os.environ.update(PLUG_TEST="hello", PLUG_EMPTY="", HOME="/home/tester", TZ="UTC", LC_ALL="C.UTF-8",
                  ANSIBLE_DEPRECATION_WARNINGS="0", ANSIBLE_LOCALHOST_WARNING="0", ANSIBLE_DEVEL_WARNING="0",
                  ANSIBLE_SYSTEM_WARNINGS="0", ANSIBLE_HOME="/tmp/.ansible-oracle")
os.chdir(FILES)
warnings.simplefilter("ignore")

from ansible.parsing.dataloader import DataLoader  # noqa: E402
from ansible.template import Templar  # noqa: E402
from ansible.utils.display import Display  # noqa: E402
from jinja2.runtime import Undefined  # noqa: E402

Display().verbosity = -1
Display.warning = lambda self, *a, **k: None
Display.deprecated = lambda self, *a, **k: None

loader = DataLoader()
loader.set_basedir(FILES)


def plain(v):
    """Values as the engine has them: no string subclasses, sets as sorted lists, named tuples as tuples."""
    if isinstance(v, Undefined):
        str(v)
    if isinstance(v, str):
        return str.__str__(v)
    if isinstance(v, bytes):
        return v.decode()
    if isinstance(v, dict):
        return {plain(k): plain(x) for k, x in v.items()}
    if isinstance(v, list):
        return [plain(x) for x in v]
    if isinstance(v, tuple):
        return tuple(plain(x) for x in v)
    if isinstance(v, (set, frozenset)):
        return sorted(plain(x) for x in v)
    if v is None or isinstance(v, (bool, int, float)):
        return v
    return Raw(str(v))


class Raw:
    def __init__(self, s):
        self.s = s

    def __repr__(self):
        return self.s


def run(expr, variables):
    templar = Templar(loader, variables=dict(variables))
    env = templar.environment
    names = {**env.globals, **variables}
    return repr(plain(env.compile_expression(expr, undefined_to_none=False)(**names)))


BIG = 10**4300  # larger integers are not printed


def representable(text):
    return not any(t.lstrip("-").isdigit() and abs(int(t)) >= BIG
                   for t in text.replace("[", " ").replace("]", " ").replace(",", " ").replace("(", " ")
                   .replace(")", " ").split())


def write(name, cases, variables):
    path = os.path.join(OUT, name + ".json")
    bad = 0
    with open(path, "w", encoding="utf-8") as f:
        for i, expr in enumerate(cases, 1):
            row = {"id": f"{name}-{i:03d}", "template": expr, "vars": variables}
            try:
                out = run(expr, variables)
                if not representable(out):
                    row["error"] = "limit"
                else:
                    row["out"] = out.replace(FILES, "@FILES@")
            except NameError:  # Jinja's compiler cannot write infinity down
                continue
            except Exception as e:  # pylint: disable=broad-except
                row["error"] = type(e).__name__
                bad += 1
                if os.environ.get("SHOW"):
                    print(row["id"], expr, "->", type(e).__name__, str(e)[:100], file=sys.stderr)
            if expr in ACCEPT:
                row["accept"], row["why"] = ACCEPT[expr]
            f.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{name}: {len(cases)} cases, {bad} errors")
    return len(cases)


V = {
    "n": 5, "neg": -3, "f": 1.5, "s": "hello world", "e": "", "t": True, "no": False, "none_": None,
    "l": [3, 1, 2], "w": ["b", "A", "c", "a"], "mixed": [1, "a", None], "nested": [1, [2, [3, [4, None]]], "x"],
    "d": {"a": 1, "b": [1, 2, {"c": "deep"}]}, "u": "Ünïcödé ßtr", "sl": ["x", "y"],
    "users": [{"name": "bob", "age": 3, "g": "x"}, {"name": "Al", "age": 7, "g": "y"},
              {"name": "cy", "age": 3, "g": "X"}],
    "dd": {"one": {"name": "n1", "l": [1, 2]}, "two": {"name": "n2", "l": [3]}},
    "html": "<b>\"x\" & 'y'</b>", "multi": "first\n\n  second\nthird", "dup": [1, 1.0, True, "1", "a", "A", "a"],
}

GROUPS = {}

# Differences that are meant: our result (or "error") and why.
ACCEPT = {
    "l | batch('x')": ("error", "a wrong argument is named instead of giving one batch"),
    "lookup('first_found', files=['nope', 'b.txt'], paths=['files'])":
        ("'@FILES@/files/b.txt'", "later versions take the options without terms"),
    "'nope' is filter": ("False", "later versions answer"),
    "'nope' is test": ("False", "later versions answer"),
    "'９' | int": ("0", "only ASCII digits make numbers"),
}

GROUPS["strings"] = """
s | upper
u | upper
n | upper
none_ | upper
l | upper
'ß' | upper
'ﬁx' | upper
s | lower
u | lower
'ÀÉ' | lower
12.5 | lower
s | capitalize
'hELLO wORLD' | capitalize
'ß' | capitalize
e | capitalize
'éa' | capitalize
'hello wORLD foo-bar (baz) [x] {y} <z>' | title
u | title
"it's o'clock" | title
e | title
'a\\tb\\nc' | title
s | center(20)
s | center
s | center(4)
'x' | center(4)
'xy' | center(5)
'é' | center(6)
n | center(3)
s | center('a')
'  x ' | trim
'xxhixx' | trim('x')
'xyhiyx' | trim('xy')
'\\u00a0\\u2003a\\u3000' | trim
'  x ' | trim('')
'x' | trim(1)
12 | trim
none_ | trim
s | trim(chars='hd')
s | replace('o', '0')
s | replace('o', '0', 1)
s | replace('', '-')
s | replace('', '-', 2)
s | replace('l', '')
s | replace('zz', 'y')
12123 | replace(1, 2)
s | replace('o', '0', 0)
s | replace('o', '0', -1)
s | replace('o')
s | replace(undef1, 'x')
l | replace(',', ';')
1 | string
1.5 | string
none_ | string
l | string
d | string
s | string
'foo bar baz qux' | truncate(9)
'foo bar baz qux' | truncate(9, True)
'foo bar baz qux' | truncate(11)
'foo bar baz qux' | truncate(11, False, '...', 0)
'foo bar baz qux' | truncate(9, end='~')
'foo bar baz qux' | truncate(9, True, leeway=0)
'foobarbazqux' | truncate(5, leeway=0)
'foo bar' | truncate(2)
'foo bar' | truncate(3, leeway=0)
'üüüüü üüüüü üüüüü' | truncate(8, leeway=0)
'foo bar' | truncate(5, leeway=-1)
n | truncate(3)
('x' * 300) | truncate
multi | indent
multi | indent(2)
multi | indent(2, true)
multi | indent(2, true, true)
multi | indent('> ')
multi | indent(width=1, first=true)
multi | indent(blank=true)
e | indent
'a\\r\\nb\\x0bc' | indent(2)
'a\\n' | indent(2)
'a\\n\\n' | indent(2, blank=true)
n | indent
multi | indent(0)
multi | indent(-2)
s | wordcount
u | wordcount
'a-b c_d e.f' | wordcount
e | wordcount
12 | wordcount
'%s %s' | format('a', 1)
'%d' | format(5.7)
'%5d|%-5d|%05d|%+d|% d' | format(1, 2, 3, 4, 5)
'%x %X %o %#x %#o' | format(255, 255, 8, 255, 8)
'%e %E %g %G %f %F' | format(1.5, 1.5, 1.5, 1e20, 1.5, 2)
'%.2f %5.1f %-8.3f|' | format(3.14159, 2.55, 1.0)
'%s' | format(l)
'%s' | format(d)
'%r %r' | format('a', 1)
'%(a)s %(b)d' | format(a='x', b=3)
'%%' | format
'%c%c' | format(65, 'b')
'%*d' | format(5, 3)
'%.*f' | format(2, 3.14159)
'%s' | format
'%s' | format('a', 'b')
'%d' | format('x')
'%y' | format(1)
'%(a)s' | format('x')
'%(a)s' | format(b=1)
'%s' | format('a', x=1)
'%5s|%-5s|%.2s' | format('ab', 'ab', 'abcdef')
'%s' | format(undef1)
'%' | format(1)
'%a' | format('é')
'%i %u' | format(3, 4)
s | split
s | split('o')
'a,b,,c' | split(',')
'a,b,,c' | split(',', 1)
'  a  b ' | split
'  a  b c ' | split(none, 1)
'' | split
'' | split(',')
'a' | split('')
n | split
s | split(1)
'a\\tb\\nc' | split
'one  two' | split(' ')
'a,b,c' | split(sep=',')
'a,b,c' | split(',', maxsplit=1)
s | quote
e | quote
none_ | quote
"it's" | quote
'safe-1.2/x_y@z' | quote
'a$b' | quote
n | quote
u | quote
l | quote
'é' | quote
'a\\nb' | comment
'a' | comment('c')
'a\\nb' | comment('cblock')
'a\\nb' | comment('xml')
'a' | comment('erlang')
'a' | comment('plain', prefix='#######\\n#', postfix='#\\n#######\\n   ###\\n    #')
'a\\n\\nb' | comment(decoration='; ')
'a' | comment(beginning='BEGIN', end='END')
'a' | comment(prefix_count=2, postfix_count=3)
'a' | comment(prefix='', postfix='')
'a|b' | comment(newline='|')
'a' | comment('nope')
n | comment
'a' | comment(prefix='\\n')
'a' | comment(style='c', prefix_count=0, postfix_count=0)
'' | comment
s | wordwrap(5)
s | wordwrap(8)
'hello-world foo' | wordwrap(8)
'hello-world foo' | wordwrap(8, break_on_hyphens=false)
'abcdefghijkl mno' | wordwrap(5)
'abcdefghijkl mno' | wordwrap(5, false)
'abcdefghijkl mno' | wordwrap(5, wrapstring='|')
multi | wordwrap(6)
'a -- b --- c' | wordwrap(4)
'one two  three   four' | wordwrap(9)
'well-known-long-hyphenated-word' | wordwrap(10)
'x' | wordwrap(0)
n | wordwrap
'' | wordwrap
'日本語 テキスト' | wordwrap(3)
'-abc-def ghi' | wordwrap(4)
('word ' * 40) | wordwrap
""".strip().splitlines()

GROUPS["html"] = """
html | escape
html | e
html | escape | escape
html | e | forceescape
html | forceescape
n | escape
none_ | escape
html | safe | escape
html | safe
l | safe
html | striptags
'<p>a  b</p>\\n<!-- <i> --> c &amp; &lt; &#65; &#x42; &nbsp;|' | striptags
'a < b' | striptags
'a &unknown; &copy; &eacute;' | striptags
n | striptags
{'a': 1, 'b': none, 'c': 'x"y'} | xmlattr
{'a': 1} | xmlattr(false)
{} | xmlattr
{'a b': 1} | xmlattr
{'a>': 1} | xmlattr
{'a': html} | xmlattr
{'a': html|safe} | xmlattr
l | xmlattr
{'a': 1, 'b': 2} | xmlattr(autospace=false)
'see http://example.com/x?y=1 now' | urlize
'www.example.com, (http://a.org/b_(c)) <https://x.net>' | urlize
'mail me@example.com or mailto:me@example.com.' | urlize
'http://example.com/very/long/path' | urlize(10)
'http://example.com' | urlize(nofollow=true)
'http://example.com' | urlize(target='_blank')
'http://example.com' | urlize(rel='me x')
'ftp://example.com tel:123' | urlize(extra_schemes=['tel:', 'ftp://'])
'x' | urlize(extra_schemes=['!!'])
'nothing here' | urlize
'a\\n\\thttps://example.org\\n' | urlize
'http://1.2.3.4:80/ http://[::1]/' | urlize
'example.com foo.bar.org' | urlize
'<b>http://e.com</b>' | urlize
'http://e.com.' | urlize(5, true, '_top', 'a b')
n | urlize
""".strip().splitlines()

GROUPS["url"] = """
'a b/c?d&é' | urlencode
{'a': 'b c', 'd': 1} | urlencode
[['a', 'b/c'], ['x', 'é']] | urlencode
n | urlencode
none_ | urlencode
[1] | urlencode
'' | urlencode
{} | urlencode
'~-_.!*' | urlencode
[('k', none)] | urlencode
'a%20b+c%C3%A9' | urldecode
'%zz%4' | urldecode
'%ff' | urldecode
'' | urldecode
n | urldecode
'http://user:pw@www.Acme.com:9000/dir/index.html?query=term#frag' | urlsplit
'http://user:pw@www.Acme.com:9000/d' | urlsplit('hostname')
'http://h/d' | urlsplit('port')
'http://h:80/d' | urlsplit('port')
'http://h/d?x=1' | urlsplit('query')
'http://h/d#f' | urlsplit('fragment')
'HTTP://h/d' | urlsplit('scheme')
'http://u:p@h/d' | urlsplit('username')
'http://u:p@h/d' | urlsplit('password')
'http://u:p@h/d' | urlsplit('netloc')
'http://u@h/d' | urlsplit('password')
'http://h/d' | urlsplit('path')
'http://h' | urlsplit('nope')
'' | urlsplit
'/just/path' | urlsplit
'mailto:a@b.c' | urlsplit
'http://[::1]:8080/x' | urlsplit
'http://[::1/x' | urlsplit
'http://h:99999/' | urlsplit
'http://h:x/' | urlsplit
' http://h/a b ' | urlsplit
'//h/p' | urlsplit
'file:///etc/passwd' | urlsplit
'http://h:/x' | urlsplit
n | urlsplit
'http://h/d' | urlsplit(query='path')
""".strip().splitlines()

GROUPS["values"] = """
undef1 | default('x')
undef1 | default
undef1 | d(5)
e | default('x')
e | default('x', true)
none_ | default('x')
none_ | default('x', true)
no | default(1, boolean=true)
0 | d(1, true)
undef1.a.b | default('deep')
d.nope | default('deep')
d['nope'] | default(default_value=3)
undef1 | default(undef2) | default('z')
n | default('x')
s | mandatory
undef1 | mandatory
undef1 | mandatory('need it')
none_ | mandatory
d.x | mandatory(msg='m')
t | ternary('a', 'b')
no | ternary('a', 'b')
none_ | ternary('a', 'b')
none_ | ternary('a', 'b', 'c')
no | ternary('a', 'b', 'c')
e | ternary('a', 'b')
'no' | ternary('a', 'b')
undef1 | ternary('a', 'b')
1 | ternary(true_val=1, false_val=2)
t | ternary('a')
'yes' | bool
'YES' | bool
'no' | bool
'true' | bool
'on' | bool
'1' | bool
1 | bool
1.0 | bool
2 | bool
0 | bool
'y' | bool
't' | bool
none_ | bool
t | bool
l | bool
'maybe' | bool
undef1 | bool
'42' | int
' 42 ' | int
'42.7' | int
'x' | int
'x' | int(7)
'x' | int('d')
'0x1f' | int
'0x1f' | int(0, 16)
'1f' | int(base=16)
'0b101' | int(0, 2)
'0o17' | int(0, 8)
'0x1f' | int(0, 0)
'010' | int(0, 0)
'1_000' | int
'_1' | int
3.99 | int
-3.99 | int
t | int
none_ | int
none_ | int(5)
l | int
'1e3' | int
'inf' | int
'nan' | int
e | int
'-5' | int
'+5' | int
'99999999999999999999' | int
'９' | int
undef1 | int
'1.5' | float
'x' | float
'x' | float(2.5)
' 1e3 ' | float
n | float
none_ | float
t | float
'inf' | float
'-Infinity' | float
'1_0.5' | float
l | float(1)
'0x10' | float
e | float
undef1 | float
-5 | abs
-1.5 | abs
t | abs
's' | abs
none_ | abs
42.55 | round
42.55 | round(1)
2.5 | round
3.5 | round
2.675 | round(2)
42 | round
42.55 | round(1, 'floor')
42.55 | round(1, 'ceil')
42.1 | round(method='ceil')
-42.5 | round
1234.5 | round(-2)
1250 | round(-2)
1350 | round(-2)
42.5 | round(0, 'nope')
'x' | round
42 | round(0, 'floor')
42 | round(2)
1e300 | round(2)
-0.4 | round
15 | round(-1)
25 | round(-1)
1 | filesizeformat
0 | filesizeformat
100 | filesizeformat
1000 | filesizeformat
1000000 | filesizeformat
1024 | filesizeformat(true)
1048576 | filesizeformat(true)
'5000' | filesizeformat
1e30 | filesizeformat
1.5 | filesizeformat
-5 | filesizeformat
'x' | filesizeformat
none_ | filesizeformat
123456789 | filesizeformat(binary=true)
s | type_debug
n | type_debug
f | type_debug
t | type_debug
none_ | type_debug
l | type_debug
d | type_debug
(1, 2) | type_debug
undef1 | type_debug
l | to_json | type_debug
d | attr('a')
d | attr('items') is callable
undef1 | attr('x') | default('u')
s | attr('upper') is callable
s | attr('nope') is defined
d | pprint
l | pprint
s | pprint
{'b': 1, 'a': [1, 2]} | pprint
range(40) | list | pprint
(range(3) | list, s) | pprint
{'k': range(30) | list, 'z': {'deep': 'x' * 70}} | pprint
('lorem ipsum dolor sit amet ' * 6) | pprint
['lorem ipsum dolor sit amet ' * 4, 'short'] | pprint
users | pprint
[] | pprint
{'a': {}} | pprint
['line1\\nline2 ' * 8] | pprint
{1: 'a', 'b': 2} | pprint
none_ | pprint
(('x' * 50, 'y' * 50),) | pprint
""".strip().splitlines()

GROUPS["lists"] = """
'abc' | list
d | list
(1, 2) | list
n | list
none_ | list
range(3) | list
l | length
'héllo' | length
d | count
n | length
none_ | length
(1,2) | length
l | first
'abc' | first
[] | first | default('none')
[] | first
d | first
n | first
l | last
'abc' | last
[] | last | default('none')
d | last
n | last
l | join
l | join(',')
l | join(', ')
users | join(',', attribute='name')
users | join('|', 'age')
mixed | join('-')
'abc' | join('.')
d | join(',')
[] | join(',')
n | join
[1, undef1] | join
l | join(1)
users | join(',', attribute='nope')
l | reverse
'abc' | reverse
'héé' | reverse
(1, 2) | reverse
d | reverse
n | reverse
l | sort
w | sort
w | sort(case_sensitive=true)
w | sort(true)
w | sort(reverse=true, case_sensitive=true)
users | sort(attribute='name') | map(attribute='name')
users | sort(attribute='age,name') | map(attribute='name')
users | sort(attribute='age', reverse=true) | map(attribute='name')
users | sort(attribute='nope')
mixed | sort
[2.5, 1, true] | sort
'hello' | sort
d | sort
[[2, 1], [1, 5], [1, 2]] | sort
['b', 'B', 'a', 'A'] | sort
n | sort
[none, none] | sort
l | min
l | max
w | min
w | max(case_sensitive=true)
users | min(attribute='age')
users | max(attribute='name')
[] | min | default('e')
[] | max
'hello' | max
mixed | min
d | min
[1, 1.0] | max
users | groupby('age')
users | groupby('g')
users | groupby('g', case_sensitive=true)
users | groupby('nope')
users | groupby('nope', default='z')
users | groupby(attribute='age', default=0) | map('first')
users | groupby('age') | map(attribute='grouper')
users | groupby('age') | map(attribute='list') | map('length')
[['a', 1], ['b', 2], ['a', 3]] | groupby(0)
n | groupby('x')
l | sum
[1.5, 2] | sum
users | sum(attribute='age')
users | sum('age', 10)
[[1], [2, 3]] | sum(start=[])
[] | sum
[] | sum(start=5)
['a'] | sum
[true, true] | sum
users | sum(attribute='nope')
[1, none] | sum
[0.1, 0.2] | sum
l | batch(2)
l | batch(2, 'x')
range(7) | batch(3, 0)
[] | batch(2)
l | batch(0)
l | batch('x')
l | batch(linecount=2, fill_with=none)
l | slice(2)
range(10) | slice(3)
range(10) | slice(3, 'x')
[1] | slice(3, 0)
l | slice(0)
l | slice(-1)
nested | flatten
nested | flatten(levels=1)
nested | flatten(0)
nested | flatten(2)
nested | flatten(skip_nulls=false)
['None', none, 'null', 0, ''] | flatten
[(1, 2), [3]] | flatten
d | flatten
s | flatten
n | flatten
l | unique
w | unique
dup | unique
dup | unique(case_sensitive=true)
w | unique(false)
users | unique(attribute='age') | map(attribute='name')
users | unique(attribute='g') | map(attribute='name')
[[1], [1], {'a': 1}, {'a': 1}, 'x', 'X'] | unique
[[1], [1]] | unique(case_sensitive=false)
'hello' | unique
n | unique
[(1, 2), (1, 2)] | unique
[1, 2, 2] | union([3, 2])
[1, 2, 2] | intersect([2, 3, 1])
[1, 2, 2, 4] | difference([2, 3])
[1, 2] | symmetric_difference([2, 3])
['a', 'A'] | union(['b'])
[[1], [2]] | intersect([[2], [3]])
[{'a': 1}] | union([{'a': 1}, {'b': 2}])
[{'a': 1}] | difference([{'a': 1}])
'abc' | union('bcd')
'abc' | intersect('bcd')
'abc' | difference('bcd')
'abc' | symmetric_difference('bcd')
(1, 2) | union((2, 3))
[1] | union((2,))
[1] | union('a')
n | union([1])
[1] | difference(undef1)
[1] | intersect(n)
['ab', 'c'] | intersect('abc')
d | intersect(['a'])
[1, 2] | zip(['a', 'b', 'c'])
[1, 2] | zip([3, 4], [5, 6])
[1, 2] | zip('ab')
[1] | zip
[1, 2] | zip(n)
[1, 2] | zip([1], strict=true)
[1, 2, 3] | zip_longest(['a'])
[1, 2, 3] | zip_longest(['a'], fillvalue='x')
[1] | zip_longest([2, 3], [4])
[1] | zip_longest([2], nope=1)
[1, 2] | product([3, 4])
[1, 2] | product([3], ['a', 'b'])
'ab' | product('cd')
[1, 2] | product(repeat=2)
[1, 2] | product([])
[1, 2] | product
[1, 2] | product(n)
[1] | product(repeat=-1)
[1, 2, 3] | permutations
[1, 2, 3] | permutations(2)
[1, 2] | permutations(3)
[1, 2] | permutations(0)
'abc' | permutations(2)
[1, 2] | permutations(-1)
[1, 2, 3] | combinations(2)
'abcd' | combinations(3)
[1, 2] | combinations(3)
[1, 2] | combinations(0)
[1, 2] | combinations(-1)
[1, 2] | combinations
[1, 2] | combinations('x')
users | map(attribute='name')
users | map(attribute='nope', default='z')
users | map(attribute='nope')
users | map(attribute='nope') | map('default', 'q')
w | map('upper')
l | map('string') | map('center', 3)
['a,b', 'c'] | map('split', ',')
users | map('combine', {'x': 1}) | map(attribute='x')
[] | map('upper')
l | map
l | map('nope')
l | map(attribute='x', foo=1)
n | map('upper')
['1', 'x'] | map('int', default=9)
dd.values() | map(attribute='name')
[[1, 2], [3, 4]] | map(attribute=1)
[[1, 2], [3, 4]] | map(attribute='0')
[{'a': {'b': 5}}] | map(attribute='a.b')
[0, 1, '', 'x', none] | select
[0, 1, '', 'x', none] | reject
range(6) | select('odd')
range(6) | reject('odd')
range(10) | select('divisibleby', 3)
w | select('equalto', 'a')
['ab', 'bc'] | select('match', 'a')
l | select('>', 1)
l | select('in', [1, 2])
l | select('nope')
users | selectattr('age')
users | selectattr('age', 'eq', 3) | map(attribute='name')
users | selectattr('name', 'search', '^[ab]', ignorecase=true) | map(attribute='name')
users | selectattr('nope', 'defined')
users | selectattr('nope', 'undefined') | length
users | selectattr('nope')
users | selectattr('nope', 'eq', 1)
users | rejectattr('age', 'eq', 3) | map(attribute='name')
users | rejectattr('age')
users | selectattr
users | selectattr('g', 'in', ['x', 'X']) | length
[{'a': {'b': 1}}, {'a': {'b': 2}}] | selectattr('a.b', '==', 2)
[] | selectattr('a')
5 | random(seed='x')
100 | random(seed='host1')
100 | random(seed=42)
100 | random(seed=-42)
100 | random(seed=true)
100 | random(seed=1.5)
100 | random(seed=2.0)
100 | random(seed=0.1)
100 | random(seed=-1.5)
100 | random(50, seed='a')
100 | random(0, 10, seed='a')
100 | random(start=1, step=7, seed='zz')
10000000000 | random(seed='big')
4611686018427387904 | random(seed='huge')
l | random(seed='q')
'abcdef' | random(seed='q')
(1, 2, 3) | random(seed='q')
range(60, 59) | list | random(seed='x')
0 | random
[] | random
l | random(1)
5.5 | random
d | random(seed='x')
5 | random(5)
1 | random
[7] | random
-10 | random(seed='x', step=-1)
100 | random(seed='日本')
100 | random(seed='a string that is somewhat longer than thirty-two bytes, to have more words')
range(10) | list | shuffle(seed='x')
range(10) | shuffle(seed='host')
w | shuffle(seed=3)
'abc' | shuffle(seed='s')
d | shuffle(seed='s')
n | shuffle
[1] | shuffle
undef1 | shuffle | default('u')
""".strip().splitlines()

GROUPS["dicts"] = """
{'a': 1} | combine({'b': 2})
{'a': 1} | combine({'a': 2})
{'a': {'x': 1, 'y': 2}} | combine({'a': {'y': 3}})
{'a': {'x': 1, 'y': 2}} | combine({'a': {'y': 3}}, recursive=true)
{'a': [1, 2]} | combine({'a': [2, 3]}, list_merge='append')
{'a': [1, 2]} | combine({'a': [2, 3]}, list_merge='prepend')
{'a': [1, 2]} | combine({'a': [2, 3]}, list_merge='append_rp')
{'a': [1, 2]} | combine({'a': [2, 3]}, list_merge='prepend_rp')
{'a': [1, 2]} | combine({'a': [2, 3]}, list_merge='keep')
{'a': [1, 2]} | combine({'a': [2, 3]}, list_merge='replace')
{'a': {'l': [1]}} | combine({'a': {'l': [2]}}, recursive=true, list_merge='append')
{'a': 1} | combine({'b': 2}, {'a': 3})
[{'a': 1}, {'b': 2}] | combine
{'a': 1} | combine([{'b': 2}, {'c': 3}])
{} | combine
{'a': 1} | combine({})
{'a': 1} | combine({'b': 2}, list_merge='x')
{'a': 1} | combine({'b': 2}, foo=1)
{'a': 1} | combine('x')
{'a': 1} | combine(n)
[] | combine
{'b': 1, 'a': 2} | combine({'c': 0, 'b': 9})
{'a': 1} | combine(undef1)
{'a': 1} | combine({'b': undef1})
d | dict2items
{'a': 1} | dict2items(key_name='k', value_name='v')
{'a': 1} | dict2items('k')
{} | dict2items
l | dict2items
s | dict2items
[{'key': 'a', 'value': 1}] | items2dict
[{'k': 'a', 'v': 1}] | items2dict(key_name='k', value_name='v')
[{'k': 'a'}] | items2dict
[1] | items2dict
d | items2dict
[] | items2dict
s | items2dict
d | dict2items | items2dict
{'b': 1, 'A': 2, 'c': 0} | dictsort
{'b': 1, 'A': 2, 'c': 0} | dictsort(true)
{'b': 1, 'A': 2, 'c': 0} | dictsort(false, 'value')
{'b': 1, 'A': 2, 'c': 0} | dictsort(reverse=true)
{'b': 1} | dictsort(by='nope')
{'b': 'x', 'a': 'Y'} | dictsort(by='value')
l | dictsort
{'a': 1, 2: 3} | dictsort
d | items
{} | items
undef1 | items
l | items
'a' | extract(d)
0 | extract(l)
[0, 2] | map('extract', ['a', 'b', 'c'])
'one' | extract(dd, 'name')
'one' | extract(dd, ['l', 1])
'nope' | extract(d)
'nope' | extract(d) | default('x')
9 | extract(l) | default('x')
'one' | extract(dd, morekeys='name')
'x' | extract(undef1) | default('y')
['one', 'two'] | map('extract', dd, 'name')
[{'n': 1, 'l': [1, 2]}, {'n': 2, 'l': [3]}] | subelements('l')
dd | subelements('l')
[{'a': {'l': [1]}}] | subelements('a.l')
[{'a': {'l': [1]}}] | subelements(['a', 'l'])
[{'a': 1}] | subelements('l')
[{'a': 1}, {'l': [2]}] | subelements('l', skip_missing=true)
[{'l': 1}] | subelements('l')
[{'a': 1}] | subelements('a.b')
s | subelements('l')
l | subelements('l')
[{'l': []}] | subelements('l')
[{'l': [1]}] | subelements(n)
users | rekey_on_member('name')
dd | rekey_on_member('name')
users | rekey_on_member('age')
users | rekey_on_member('age', duplicates='overwrite')
users | rekey_on_member('nope')
users | rekey_on_member('age', duplicates='x')
[1] | rekey_on_member('a')
s | rekey_on_member('a')
users | rekey_on_member(undef1)
""".strip().splitlines()

GROUPS["math"] = """
8 | log(2)
100 | log(10)
2.718281828459045 | log
0 | log
-1 | log
'x' | log
8 | log('x')
8 | log(base=2)
1000 | log(10)
2 | pow(10)
2 | pow(0.5)
2 | pow(-1)
-8 | pow(0.333)
0 | pow(-1)
10 | pow(400)
'x' | pow(2)
2 | pow('x')
16 | root
27 | root(3)
2 | root(0)
-4 | root
'x' | root
16 | root(4)
0 | human_readable
1 | human_readable
1024 | human_readable
1500 | human_readable
1048576 | human_readable
10000000 | human_readable(unit='G')
10000000 | human_readable(unit='k')
10 | human_readable(isbits=true)
102400 | human_readable(true)
102400 | human_readable(true, 'M')
1.5 | human_readable
-5 | human_readable
'x' | human_readable
10 | human_readable(unit='X')
1e25 | human_readable
10 | human_readable(unit='B')
'1K' | human_to_bytes
'1.5M' | human_to_bytes
'10 GB' | human_to_bytes
'10' | human_to_bytes
10 | human_to_bytes
10 | human_to_bytes('K')
'10' | human_to_bytes(default_unit='M')
'10 Mb' | human_to_bytes
'10 Mb' | human_to_bytes(isbits=true)
'10 MB' | human_to_bytes(isbits=true)
'10Kbits' | human_to_bytes(isbits=true)
'10Kbytes' | human_to_bytes
'1B' | human_to_bytes
'1b' | human_to_bytes
'1 byte' | human_to_bytes
'1 bit' | human_to_bytes(isbits=true)
'1Bx' | human_to_bytes
'x' | human_to_bytes
'' | human_to_bytes
'1Q' | human_to_bytes
'1E' | human_to_bytes
'10E' | human_to_bytes
'1Z' | human_to_bytes
' 2 K x' | human_to_bytes
'.5K' | human_to_bytes
'2.5' | human_to_bytes
'-1K' | human_to_bytes
""".strip().splitlines()

GROUPS["data"] = """
d | to_json
l | to_json
s | to_json
u | to_json
u | to_json(ensure_ascii=false)
n | to_json
f | to_json
none_ | to_json
t | to_json
{'b': 1, 'a': 2} | to_json(sort_keys=true)
d | to_json(indent=2)
d | to_json(indent=0)
d | to_json(indent='  ')
d | to_json(separators=(',', ':'))
d | to_json(indent=1, separators=(';', '='))
{1: 'a', true: 'b', none: 'c', 1.5: 'd'} | to_json
{} | to_json
[] | to_json(indent=2)
{'a': {}} | to_json(indent=2)
'a"b\\\\c\\n\\t\\u0001\\u007f\\u2028😀' | to_json
1e400 | to_json
1e16 | to_json
1e-7 | to_json
(1, 2) | to_json
undef1 | to_json
d | to_json(nope=1)
{'b': [1, {'c': none}], 'a': 'x'} | to_nice_json
{'b': 1, 'a': 2} | to_nice_json(indent=2)
{'b': 1, 'a': 2} | to_nice_json(sort_keys=false)
{'b': 1, 'a': 2} | to_nice_json(2, false)
u | to_nice_json
[] | to_nice_json
{} | to_nice_json
l | to_nice_json(indent=0)
l | to_nice_json(separators=(',', ':'))
{'é': 'ü'} | to_nice_json(ensure_ascii=false)
{'b': "<'&>", 'a': 1} | tojson
{'b': 1, 'a': [1]} | tojson(indent=2)
l | tojson
none_ | tojson
'é' | tojson
'{"a": [1, 2.5, null, true]}' | from_json
'"x"' | from_json
'5' | from_json
'[1,' | from_json
'' | from_json
n | from_json
'{"a": 1, "a": 2}' | from_json
'nope' | from_json
'[1e400, -0.0, 1E5]' | from_json
' [1] ' | from_json
'"\\\\u00e9\\\\ud83d\\\\ude00"' | from_json
d | to_yaml
l | to_yaml
s | to_yaml
n | to_yaml
none_ | to_yaml
{'b': [1, 2], 'a': {'x': 'y'}} | to_yaml
{'b': [1, 2], 'a': {'x': 'y'}} | to_yaml(default_flow_style=false)
{'b': [1, 2], 'a': {'x': 'y'}} | to_yaml(default_flow_style=true)
{'b': 1, 'a': 2} | to_yaml(sort_keys=false)
{'b': 1, 'a': 2} | to_yaml(explicit_start=true)
{'b': 1, 'a': 2} | to_yaml(explicit_start=true, explicit_end=true)
{'a': {'b': {'c': 1}}} | to_yaml(indent=8, default_flow_style=false)
{'a': 'word ' * 30} | to_yaml(width=40)
{'a': 'word ' * 30} | to_yaml
'é' | to_yaml
'é' | to_yaml(allow_unicode=false)
{'a': 'yes', 'b': '1', 'c': 'null', 'd': '', 'e': ' x', 'f': 'a: b', 'g': '# no'} | to_yaml
'multi\\nline\\n' | to_yaml
d | to_nice_yaml
users | to_nice_yaml
{'a': {'b': [1, {'c': 2}]}} | to_nice_yaml
{'a': {'b': [1, {'c': 2}]}} | to_nice_yaml(indent=2)
{'a': {'b': [1, {'c': 2}]}} | to_nice_yaml(2)
{'b': 1, 'a': 2} | to_nice_yaml(sort_keys=false)
[] | to_nice_yaml
{} | to_nice_yaml
{'a': [], 'b': {}} | to_nice_yaml
'x' | to_nice_yaml
{'a': 'l1\\nl2\\n', 'b': "it's"} | to_nice_yaml
{'long': 'word ' * 30} | to_nice_yaml(width=1000)
d | to_nice_yaml(explicit_start=true)
[[1, 2], [3]] | to_nice_yaml
d | to_yaml(nope=1)
'a: 1\\nb: [x, y]' | from_yaml
'- 1\\n- yes\\n- ~' | from_yaml
'a: [' | from_yaml
'' | from_yaml
n | from_yaml
d | from_yaml
undef1 | from_yaml | default('u')
'a: 0o17\\nb: 017\\nc: 0x1f\\nd: 1_000\\ne: 12:30' | from_yaml
'a: &x 1\\nb: *x' | from_yaml
'text' | from_yaml
'a: 1\\n---\\nb: 2' | from_yaml_all
'' | from_yaml_all
n | from_yaml_all
'--- 1\\n--- 2\\n' | from_yaml_all
'a: 1\\n---\\nb: 2' | from_yaml
""".strip().splitlines()

GROUPS["hashes"] = """
s | hash
s | hash('md5')
s | hash('sha1')
s | hash('sha224')
s | hash('sha256')
s | hash('sha384')
s | hash('sha512')
s | hash('blake2b')
s | hash('blake2s')
s | hash('sha3_256')
s | hash('sha3_512')
s | hash('sha512_256')
s | hash('shake_128')
s | hash('nope')
u | hash('sha256')
n | hash
l | hash
e | hash
s | hash(hashtype='md5')
s | md5
s | sha1
s | checksum
u | checksum
n | md5
e | sha1
'secret' | password_hash('sha512', 'mysalt')
'secret' | password_hash('sha256', 'mysalt')
'secret' | password_hash('md5', 'mysalt')
'secret' | password_hash(salt='mysalt')
'secret' | password_hash('sha512_crypt', 'mysalt')
'secret' | password_hash('sha512', 'mysalt', rounds=5000)
'secret' | password_hash('sha512', 'mysalt', rounds=10000)
'secret' | password_hash('sha256', 'mysalt', rounds=1001)
'secret' | password_hash('sha512', 'mysalt', rounds=656000) | truncate(20, true, '', 0)
'sécret' | password_hash('sha512', 'mysalt')
'secret' | password_hash('sha512', 'bad salt!')
'secret' | password_hash('sha512', 'waytoolongsaltvalue12345')
'secret' | password_hash('blowfish', 'short')
'secret' | password_hash('nope')
n | password_hash
('secret' | password_hash('sha512')) | length
('secret' | password_hash('md5')) | length
('secret' | password_hash('sha512', salt_size=8)) | length
'' | password_hash('sha512', 'x')
s | b64encode
u | b64encode
u | b64encode('utf-16-le')
u | b64encode(encoding='latin-1')
'日本' | b64encode('latin-1')
s | b64encode('nope')
n | b64encode
e | b64encode
'aGVsbG8=' | b64decode
'aGVsbG8' | b64decode
'aGVs\\nbG8=' | b64decode
'aGVsbG8=====' | b64decode
'/w==' | b64decode
'/w==' | b64decode('latin-1')
'aABlAA==' | b64decode('utf-16-le')
'!!' | b64decode
'a' | b64decode
'' | b64decode
u | b64encode | b64decode
s | to_uuid
u | to_uuid
n | to_uuid
s | to_uuid(namespace='11111111-2222-3333-4444-555555555555')
s | to_uuid('nope')
s | to_uuid('{11111111-2222-3333-4444-555555555555}')
e | to_uuid
('text' | vault('pw', salt='fixed')) 
('text' | vault('pw', 'fixed', 'myid'))
('text' | vault('pw', 'fixed', 'default'))
('text' | vault('pw')) | unvault('pw')
('text' | vault('pw')) | unvault('wrong')
'plain' | unvault('pw')
n | vault('pw')
'x' | vault(5)
'x' | vault('pw', '')
n | unvault('pw')
('töxt' | vault('pw', vaultid='a')) | unvault('pw', vaultid='b')
'$ANSIBLE_VAULT;1.1;AES256\\nzz' | unvault('pw')
""".strip().splitlines()

GROUPS["regex"] = r"""
s | regex_replace('o', '0')
s | regex_replace('(h)(e)', '\\2\\1')
s | regex_replace('(?P<x>w)', '[\\g<x>]')
s | regex_replace('^', '>')
multi | regex_replace('^', '> ', multiline=true)
s | regex_replace('HELLO', 'x', ignorecase=true)
s | regex_replace('HELLO', 'x', true)
s | regex_replace('', '-')
s | regex_replace
s | regex_replace('o')
n | regex_replace('5', '6')
l | regex_replace(',', ';')
s | regex_replace('(', 'x')
s | regex_replace('h', '\\9')
s | regex_replace('h', '\\g<nope>')
'a.b' | regex_replace('\\.', '\\n')
'abc' | regex_replace('x*', '-')
'aXbX' | regex_replace('X$', '')
'foo=bar' | regex_replace('^(\\w+)=(.*)$', '\\g<2>=\\g<1>')
'é' | regex_replace('\\w', 'x')
'2024-01-02' | regex_replace('(\\d+)-(\\d+)-(\\d+)', '\\3.\\2.\\1')
'a\\b' | regex_replace('\\\\', '/')
'tést' | regex_replace('[^a-z]', '')
'aaa' | regex_replace('a{2}', 'b')
'abab' | regex_replace('(?:ab)+', 'x')
'x1y2' | regex_replace('[0-9]', '<\\g<0>>')
'foo bar' | regex_replace('(?i)FOO', 'x')
'foobar' | regex_replace('(?<=foo)bar', 'x')
'foobaz' | regex_replace('foo(?!bar)', 'x')
s | regex_replace(1, 'x')
none_ | regex_replace('N', 'n')
undef1 | regex_replace('a', 'b')
s | regex_search('o w')
s | regex_search('zzz')
s | regex_search('(h)(e)', '\\1')
s | regex_search('(h)(e)', '\\1', '\\2')
s | regex_search('(?P<a>h)', '\\g<a>')
s | regex_search('(h)|(z)', '\\1', '\\2')
s | regex_search('HELLO', ignorecase=true)
multi | regex_search('^  second$', multiline=true)
multi | regex_search('^  second$')
s | regex_search('(h)', '\\3')
s | regex_search('(h)', '\\g<nope>')
s | regex_search('(h)', 'x')
s | regex_search('(')
s | regex_search('zzz', '\\1')
n | regex_search('5')
'' | regex_search('^$')
s | regex_findall('o')
s | regex_findall('(l)(.)')
s | regex_findall('(l)')
s | regex_findall('z')
s | regex_findall('L', ignorecase=true)
multi | regex_findall('^\\w+', true)
multi | regex_findall('^\\w+')
multi | regex_findall('^\\w+', multiline=true)
'abc' | regex_findall('x*')
'aXbXc' | regex_findall('(a)|(b)')
'é1ü2' | regex_findall('\\w\\d')
s | regex_findall('(')
n | regex_findall('\\d')
'1.2.3.4 and 10.0.0.1' | regex_findall('\\d+(?:\\.\\d+){3}')
'a.b*c[d]' | regex_escape
'a-b c#d&e~f' | regex_escape
'é_1' | regex_escape
'a.b*c[d]+$^\\' | regex_escape('posix_basic')
'a' | regex_escape('posix_extended')
'a' | regex_escape('nope')
n | regex_escape
'tab\there' | regex_escape
""".strip().splitlines()

GROUPS["paths"] = """
'/a/b/c.txt' | basename
'/a/b/' | basename
'c' | basename
'' | basename
'/' | basename
n | basename
'/a/b/c.txt' | dirname
'/a/b/' | dirname
'c' | dirname
'/c' | dirname
'//c' | dirname
'a//b' | dirname
'' | dirname
none_ | dirname
'a.txt' | splitext
'/a.b/c' | splitext
'.bashrc' | splitext
'a.tar.gz' | splitext
'..a' | splitext
'a.' | splitext
'' | splitext
'~/x' | expanduser
'~' | expanduser
'~root/x' | expanduser
'~nosuchuser9/x' | expanduser
'x~' | expanduser
'$PLUG_TEST/x' | expandvars
'${PLUG_TEST}x' | expandvars
'$PLUG_NOPE/${PLUG_NOPE}' | expandvars
'a$' | expandvars
'$$PLUG_TEST' | expandvars
'${PLUG' | expandvars
'$PLUG_TEST-$PLUG_EMPTY.' | expandvars
'/etc/../etc//passwd' | realpath
'/proc/self/../1' | realpath
'/nope/../x' | realpath
'files/a.txt' | realpath
'.' | realpath
'/a/b' | relpath('/a')
'/a/b' | relpath('/a/c/d')
'/a' | relpath('/a')
'a/b' | relpath('a')
'/a/b' | relpath(start='/')
'' | relpath
'files' | relpath
['a', 'b'] | path_join
['a', '/b', 'c'] | path_join
['a/', 'b'] | path_join
['', 'a'] | path_join
'a/b' | path_join
('a', 'b', '') | path_join
[] | path_join
n | path_join
['a', 1] | path_join
'files/*.conf' | fileglob | sort
'files/nope*' | fileglob
'files/[ab].txt' | fileglob | sort
'files/?.txt' | fileglob | sort
'*' | fileglob
n | fileglob
'C:\\\\a\\\\b.txt' | win_basename
'a/b\\\\c' | win_basename
'C:' | win_basename
'\\\\\\\\srv\\\\share\\\\f' | win_basename
'C:\\\\a\\\\b.txt' | win_dirname
'C:\\\\a' | win_dirname
'a' | win_dirname
'\\\\\\\\srv\\\\share\\\\d\\\\f' | win_dirname
'C:\\\\a' | win_splitdrive
'\\\\\\\\srv\\\\share\\\\f' | win_splitdrive
'a\\\\b' | win_splitdrive
'\\\\\\\\srv' | win_splitdrive
'' | win_splitdrive
n | win_splitdrive
'%Y-%m-%d %H:%M:%S' | strftime(0, true)
'%Y-%m-%d' | strftime(1441357287)
'%H:%M' | strftime('1441357287.9')
'%j %U %w %a %b %A %B' | strftime(86400 * 100, utc=true)
'%Y' | strftime('x')
'' | strftime(0)
'%%' | strftime(0)
'%y %e %I %p' | strftime(second=3600 * 13)
n | strftime
'x' | strftime
'%s' | strftime(12345)
'%Y' | strftime(-1)
'2016-08-04 20:00:12' | to_datetime
('2016-08-14 20:00:12' | to_datetime) - ('2016-08-04 20:00:00' | to_datetime)
(('2016-08-14 20:00:12' | to_datetime) - ('2016-08-04 20:00:00' | to_datetime)).days
(('2016-08-14 20:00:12' | to_datetime) - ('2016-08-04 20:00:00' | to_datetime)).seconds
(('2016-08-14 20:00:12' | to_datetime) - ('2016-08-04 20:00:00' | to_datetime)).total_seconds()
('2016-08-14' | to_datetime('%Y-%m-%d')).year
'2015-08-14' | to_datetime('%Y-%m-%d')
'14/Aug/2015:10:11:12' | to_datetime('%d/%b/%Y:%H:%M:%S')
'Aug 3 2015  1:02PM' | to_datetime('%b %d %Y %I:%M%p')
'2015-08-14T10:11:12.123456' | to_datetime('%Y-%m-%dT%H:%M:%S.%f')
'2015-08-14T10:11:12.5' | to_datetime('%Y-%m-%dT%H:%M:%S.%f')
'2015-08-14T10:11:12+0200' | to_datetime('%Y-%m-%dT%H:%M:%S%z')
'2015-08-14T10:11:12Z' | to_datetime('%Y-%m-%dT%H:%M:%S%z')
'2015 226' | to_datetime('%Y %j')
'69-01-02' | to_datetime('%y-%m-%d')
'68-01-02' | to_datetime('%y-%m-%d')
'Friday, 14. August 2015' | to_datetime('%A, %d. %B %Y')
'2015 32 5' | to_datetime('%Y %U %w')
'2015 32 5' | to_datetime('%Y %W %w')
'12:00 AM' | to_datetime('%I:%M %p')
'10%' | to_datetime('%H%%')
'2015-02-30' | to_datetime('%Y-%m-%d')
'2015-08-14 x' | to_datetime('%Y-%m-%d')
'nope' | to_datetime
'x' | to_datetime('%Q')
n | to_datetime
'1112' | to_datetime('%d%m')
'Fri Aug 14 10:11:12 2015' | to_datetime('%c')
'08/14/15 10:11:12' | to_datetime('%x %X')
('2016-08-14 20:00:12' | to_datetime).strftime('%d.%m.%Y')
('2016-08-14 20:00:12' | to_datetime).isoformat()
""".strip().splitlines()

GROUPS["tests"] = """
undef1 is defined
s is defined
undef1 is undefined
s is undefined
undef1 is none
none_ is none
e is none
t is boolean
1 is boolean
undef1 is boolean
t is true
1 is true
no is false
0 is false
n is integer
t is integer
f is integer
f is float
n is float
n is number
t is number
'1' is number
s is string
n is string
undef1 is string
d is mapping
l is mapping
s is sequence
l is sequence
d is sequence
n is sequence
undef1 is sequence
s is iterable
n is iterable
d is iterable
undef1 is iterable
none_ is iterable
range is callable
s is callable
undef1 is callable
n is sameas n
1 is sameas true
t is sameas true
l is sameas l
l is sameas [3, 1, 2]
none_ is sameas none
'abc' is lower
'ABC' is lower
'aBc' is lower
'123' is lower
'äöü' is lower
'ABC' is upper
'ÄÖ' is upper
e is upper
1 is upper
'upper' is filter
'nope' is filter
'to_json' is filter
'd' is filter
'defined' is test
'nope' is test
'==' is test
'version' is test
3 is odd
4 is odd
-3 is odd
2.0 is even
'x' is even
10 is divisibleby(3)
9 is divisibleby(3)
9 is divisibleby 3
9 is divisibleby(0)
9.0 is divisibleby(1.5)
html is escaped
(html | escape) is escaped
1 is eq 1
1 is equalto(1.0)
1 is eq '1'
'a' is ne 'b'
2 is gt 1
2 is greaterthan(3)
2 is ge 2
1 is lt 2
1 is lessthan(0)
1 is le 1
'a' is lt 'b'
1 is lt 'b'
[1] is lt [2]
1 is eq undef1
1 is in [1, 2]
'a' is in 'cat'
1 is in 'cat'
'a' is in d
3 is in undef1
3 is in 5
l is contains(1)
s is contains('wor')
d is contains('a')
n is contains(1)
[[1]] is contains([1])
[1, 0] is any
[0, ''] is any
[] is any
[1, 'a'] is all
[1, 0] is all
[] is all
n is any
[1, 2] is subset([1, 2, 3])
[1, 4] is subset([1, 2, 3])
[1] is issubset([1])
[1, 2, 3] is superset([1])
[1] is issuperset([1, 2])
'ab' is subset('abc')
[[1]] is subset([[1]])
[1] is subset(n)
[1] is subset([1.0, true])
[] is subset([])
{'failed': true} is failed
{} is failed
{'failed': false} is failure
{'rc': 0} is success
{'failed': true} is succeeded
{} is successful
{'changed': true} is changed
{} is change
{'results': [{'changed': false}, {'changed': true}]} is changed
{'results': [{'changed': false}]} is changed
{'results': [1]} is changed
{'skipped': true} is skipped
{} is skip
{'unreachable': true} is unreachable
{} is reachable
{'started': 1} is started
{'started': 0} is started
{} is started
{'finished': 1} is finished
{'finished': 0} is finished
{} is finished
s is failed
l is changed
undef1 is failed
n is skipped
n is finished
'hello' is match('h')
'hello' is match('e')
'hello' is search('e')
'hello' is search('E')
'hello' is search('E', ignorecase=true)
'a\\nb' is search('^b')
'a\\nb' is search('^b', multiline=true)
'hello' is regex('l+')
'hello' is regex('ell', match_type='match')
'hello' is regex('hello', match_type='fullmatch')
'hello' is regex('hell', match_type='fullmatch')
'hello' is regex('e', match_type='nope')
'hello' is match('(')
123 is match('1')
undef1 is match('1')
'' is match
'hello' is match(1)
'1.2.3' is version('1.2.3')
'1.2.3' is version('1.10', '<')
'1.2.3' is version('1.2', '>')
'1.2' is version('1.2.0', '==')
'1.2' is version('1.2.0', '<')
'1.0a1' is version('1.0', '<')
'1.0a1' is version('1.0b1', 'lt')
'1.0' is version('1.0', '>=')
'1.0' is version('1.0', 'ge')
'1.0' is version('2.0', '!=')
'1.0' is version('2.0', '<>')
'1.0' is version('2.0', 'ne')
'1.0' is version('1.0', '=')
'1.0' is version('1.0', 'eq')
'1.0' is version('1.0', '~')
'1.a' is version('1.1', '<')
'' is version('1')
'1' is version('')
2.9 is version('2.10', '<')
2.9 is version(2.9)
'1.2.3' is version_compare('1.2.4', 'le')
'1.2.3' is version('1.2.4', operator='le')
'1.2.3' is version('1.2.3', 'eq', true)
'1.2' is version('1.2.0', 'eq', strict=true)
'1.2a1' is version('1.2', '<', strict=true)
'1.2a1' is version('1.2a2', '<', strict=true)
'1.2.3.4' is version('1.2', '>', strict=true)
'1.2rc1' is version('1.2', '<', strict=true)
'1.2.3' is version('1.2.3', strict=true, version_type='loose')
'1.2.3' is version('1.2.3', version_type='nope')
'1.2.3' is version('1.10.0', '<', version_type='semver')
'1.2.3-rc.1' is version('1.2.3', '<', version_type='semver')
'1.2.3-rc.1' is version('1.2.3-rc.2', '<', version_type='semantic')
'1.2.3-alpha' is version('1.2.3-1', '>', version_type='semver')
'1.2.3+b1' is version('1.2.3+b2', '==', version_type='semver')
'1.2' is version('1.2.0', '==', version_type='semver')
'01.2.3' is version('1.2.3', '==', version_type='semver')
'1.2.3-rc.1.x' is version('1.2.3-rc.1', '>', version_type='semver')
'5.10.0-8-amd64' is version('5.4', '>')
'7.4p1' is version('7.4', '>=')
'2.4.57-2+deb12u1' is version('2.4.57', '>')
'v1.2' is version('v1.3', '<')
'1.0.dev1' is version('1.0.dev2', '<', version_type='loose')
'1..2' is version('1.2')
'' is truthy
'no' is truthy
'no' is truthy(convert_bool=true)
'maybe' is truthy(convert_bool=true)
none_ is truthy
[0] is truthy
'no' is falsy(true)
'x' is falsy
0 is falsy
'False' is falsy(convert_bool=true)
undef1 is truthy
5 is truthy(convert_bool=true)
('nan' | float) is nan
1.0 is nan
'x' is nan
('nan' | float) is isnan
s is vault_encrypted
n is vault_encrypted
'http://example.com' is url
'http://example.com' is uri
'example.com' is url
'example.com' is uri
'file:///x' is url
'http://example.com' is url(['https'])
'http://example.com' is url(schemes=['http', 'ftp'])
'urn:isbn:123' is urn
'urn:isbn:123' is url
'urn:isbn:123' is uri
'http://x' is urn
n is url
'http://[::1/' is url
'mailto:x@y' is uri(['mailto'])
'mailto:x@y' is uri('mailto')
'/etc' is directory
'/etc' is is_dir
'/etc/passwd' is directory
'/etc/passwd' is file
'/etc' is is_file
'/nope' is file
'/etc/passwd' is exists
'/nope' is exists
'files/a.txt' is exists
'files/a.txt' is file
'/proc/self' is link
'/etc' is is_link
'/proc/self' is link_exists
'/nope' is link_exists
'/etc' is abs
'etc' is is_abs
'' is abs
'/etc/passwd' is same_file('/etc/../etc/passwd')
'/etc/passwd' is is_same_file('/etc/group')
'/etc/passwd' is same_file('/nope')
'/' is mount
'/proc' is is_mount
'/etc/passwd' is mount
'/nope' is mount
n is abs
none_ is file
""".strip().splitlines()

GROUPS["lookups"] = """
lookup('items', 1, 2)
query('items', [1, [2, 3]], 4)
lookup('items', ['a', 'b'])
query('list', [1, 2], 3)
query('ansible.builtin.list', 1)
query('dict', {'a': 1, 'b': [2]})
lookup('dict', {'a': 1})
query('dict', {'a': 1}, {'c': 2})
query('dict', [1])
query('indexed_items', ['a', 'b'])
query('indexed_items', ['a', ['x']], 'c')
query('nested', [1, 2], ['a', 'b'])
query('nested', [1, 2], ['a'], ['x', 'y'])
query('nested', ['a'], 'b')
query('nested', ['ab', 'cd'])
query('nested', [[1, 2], [3]], ['x'])
query('nested')
query('nested', [1, 2])
query('together', [1, 2], ['a', 'b'])
query('together', [1, 2, 3], ['a'])
query('together', [[1], [2]], ['a', 'b'])
query('together')
query('random_choice', 'only')
query('random_choice')
query('sequence', 'count=3')
query('sequence', 'start=2 end=4')
query('sequence', '5')
query('sequence', '5-8')
query('sequence', '2-10/2')
query('sequence', '4:host%02d')
query('sequence', 'start=0 end=6 stride=3 format=x%d')
query('sequence', 'start=10 end=0 stride=-5')
query('sequence', 'count=0')
query('sequence', 'start=0x10 end=0x12 format=%x')
query('sequence', '0x10-0x12')
query('sequence', 'start=5 count=3 stride=2')
query('sequence', 'start=1')
query('sequence', 'count=2 end=3')
query('sequence', 'start=5 end=1')
query('sequence', 'start=1 end=5 stride=-1')
query('sequence', 'count=2 format=x')
query('sequence', 'count=2 format=%d%d')
query('sequence', 'count=2 foo=1')
query('sequence', 'count=x')
query('sequence', 'count=2 format=%z')
query('sequence', '010-012')
lookup('sequence', 'count=3')
query('sequence', 'count=2', 'count=1')
query('sequence', "count=2 format='a b %d'")
query('subelements', [{'n': 1, 'l': [1, 2]}, {'n': 2, 'l': [3]}], 'l')
query('subelements', {'x': {'l': [1]}}, 'l')
query('subelements', [{'a': {'l': [1]}}], 'a.l')
query('subelements', [{'n': 1}], 'l')
query('subelements', [{'n': 1}, {'l': [5]}], 'l', {'skip_missing': true})
query('subelements', [{'l': 1}], 'l')
query('subelements', [{'l': [1], 'skipped': true}, {'l': [2]}], 'l')
query('subelements', [1], 'l')
query('subelements', [{'l': [1]}])
query('subelements', [{'l': [1]}], 5)
lookup('env', 'PLUG_TEST')
lookup('env', 'PLUG_NOPE')
lookup('env', 'PLUG_NOPE', default='dd')
lookup('env', 'PLUG_NOPE', default=undef())
lookup('env', 'PLUG_EMPTY', default='dd')
query('env', 'PLUG_TEST', 'PLUG_NOPE')
lookup('env', 'PLUG_TEST extra words')
lookup('file', 'a.txt')
lookup('file', 'a.txt', rstrip=false)
lookup('file', 'b.txt', lstrip=true)
lookup('file', 'a.txt', 'b.txt')
query('file', 'a.txt', 'b.txt')
lookup('file', 'nope.txt')
lookup('file', 'nope.txt', errors='ignore')
lookup('file', 'nope.txt', errors='warn')
lookup('file', 'a.txt', wantlist=true)
lookup('unvault', 'a.txt')
lookup('unvault', 'nope.txt')
query('fileglob', 'files/*.conf') | sort
query('fileglob', '*.conf') | sort
query('fileglob', 'nope*')
query('fileglob', 'nodir/x*')
lookup('fileglob', '*.none')
query('fileglob', '[ab].txt', '*.tsv') | map('basename') | sort
lookup('first_found', 'nope.txt', 'a.txt', 'b.txt')
lookup('first_found', ['nope.txt', 'a.txt'])
lookup('first_found', {'files': ['nope', 'b.txt']})
lookup('first_found', {'files': 'nope,b.txt'})
lookup('first_found', {'files': 'a.txt', 'paths': 'nodir:files'})
lookup('first_found', files=['nope', 'b.txt'], paths=['files'])
lookup('first_found', 'nope.txt')
lookup('first_found', 'nope.txt', skip=true)
query('first_found', 'nope.txt', skip=true)
lookup('first_found', {'files': ['nope'], 'skip': true})
lookup('first_found', 5)
lookup('first_found', {'files': ['nope1', 'nope2'], 'paths': ['files']})
lookup('csvfile', 'Li', file='elements.csv', delimiter=',')
lookup('csvfile', 'Li file=elements.csv delimiter=,')
lookup('csvfile', 'Li file=elements.csv delimiter=, col=2')
lookup('csvfile', 'Li', file='elements.csv', delimiter=',', col=2)
lookup('csvfile', 'Xx', file='elements.csv', delimiter=',')
lookup('csvfile', 'Xx', file='elements.csv', delimiter=',', default='none')
lookup('csvfile', 'He, the "noble"', file='elements.csv', delimiter=',')
lookup('csvfile', 'Li', file='tabs.tsv')
lookup('csvfile', 'Li', file='tabs.tsv', delimiter='TAB', col=2)
lookup('csvfile', 'Li', file='elements.csv', delimiter=',', col=9)
lookup('csvfile', 'Li', file='nope.csv')
lookup('csvfile', 'Li', file='elements.csv', delimiter=',,')
query('csvfile', 'Li', 'H', file='elements.csv', delimiter=',')
lookup('csvfile', 'file=elements.csv delimiter=,')
lookup('csvfile', 'Li foo=1 file=elements.csv')
lookup('ini', 'user', section='production', file='users.ini')
lookup('ini', 'user section=integration file=users.ini')
lookup('ini', 'answer', file='users.ini')
lookup('ini', 'home', section='production', file='users.ini')
lookup('ini', 'pass', section='production', file='users.ini')
lookup('ini', 'multi', section='production', file='users.ini')
lookup('ini', 'mixed', section='production', file='users.ini')
lookup('ini', 'MIXED', section='production', file='users.ini')
lookup('ini', 'mixed', section='production', file='users.ini', case_sensitive=true)
lookup('ini', 'Mixed', section='production', file='users.ini', case_sensitive=true)
lookup('ini', 'nope', section='production', file='users.ini')
lookup('ini', 'nope', section='production', file='users.ini', default='dd')
lookup('ini', 'user', section='nope', file='users.ini')
lookup('ini', 'user', section='production', file='nope.ini')
query('ini', '.*', section='integration', file='users.ini', re=true)
query('ini', 'u', section='production', file='users.ini', re=true)
lookup('ini', 'empty', section='integration', file='users.ini')
lookup('ini', 'base', section='production', file='users.ini')
lookup('ini', 'user.name', type='properties', file='user.properties')
lookup('ini', 'user.nope', type='properties', file='user.properties', default='x')
lookup('ini', 'skip-name', section='mysqld', file='novalue.ini')
query('ini', 'skip-name', section='mysqld', file='novalue.ini', allow_no_value=true)
lookup('ini', 'user', section='mysqld', file='novalue.ini', allow_no_value=true)
lookup('ini', 'a', section='dup', file='dup.ini')
query('ini', 'user', 'pass', section='production', file='users.ini')
lookup('pipe', 'echo hi there')
lookup('pipe', 'printf "a\\nb\\n\\n"')
lookup('pipe', 'exit 3')
lookup('pipe', 'cat files/one.conf')
query('pipe', 'echo 1', 'echo 2')
query('lines', 'printf "a\\nb\\n"')
query('lines', 'printf "a\\n\\nb"')
query('lines', 'exit 1')
query('lines', 'true')
lookup('lines', 'printf "a\\nb"')
lookup('vars', 'name')
lookup('vars', 'name', 'num')
query('vars', 'name', 'num')
lookup('vars', 'nope')
lookup('vars', 'nope', default='x')
query('vars', 'name', 'nope', default='x')
lookup('vars', 5)
query('varnames', '^na') | sort
query('varnames', '^nu', 'name$') | sort
query('varnames', '^zz')
query('varnames', '(')
query('varnames', 5)
lookup('template', 'hello.j2')
lookup('template', 'hello.j2', template_vars={'x': 5})
lookup('template', 'hello.j2', template_vars={'name': 'you'})
lookup('template', 'data.j2')
lookup('template', 'data.j2', convert_data=false)
lookup('template', 'delim.j2', variable_start_string='[%', variable_end_string='%]', comment_start_string='(#', comment_end_string='#)')
lookup('template', 'extra.j2', template_vars={'extra': 'E'})
lookup('template', 'extra.j2')
lookup('template', 'nope.j2')
query('template', 'hello.j2', 'data.j2')
lookup('password', '/dev/null seed=abc')
lookup('password', '/dev/null', seed='abc')
lookup('password', '/dev/null', seed='abc', length=8)
lookup('password', '/dev/null seed=abc length=5 chars=digits')
lookup('password', '/dev/null', seed='x', chars=['ascii_lowercase', '!@'])
lookup('password', '/dev/null', seed='x', chars='ascii_uppercase,digits,,')
lookup('password', '/dev/null', seed='x', chars=['hexdigits', 'punctuation', 'octdigits'], length=40)
lookup('password', '/dev/null length=8') | length
lookup('password', '/dev/null', length=8, chars=['digits']) is match('^[0-9]{8}$')
lookup('password', '/dev/null foo=1')
lookup('password', '/dev/null length=x')
(lookup('password', '/dev/null seed=a encrypt=sha512_crypt')) is match('\\\\$6\\\\$')
(lookup('password', '/dev/null', seed='a', encrypt='md5_crypt')) | length
lookup('password', '/dev/null seed=a encrypt=nope')
lookup('nope', 1)
lookup('url', 'ftp://x/')
lookup('url', 'http://127.0.0.1:1/')
lookup('url', 'nope')
lookup('template', 'near/outer.j2')
""".strip().splitlines()

LOOKUP_VARS = {"name": "world", "num": 42, "other": [1]}


def main():
    total = 0
    for name, cases in GROUPS.items():
        total += write(name, cases, LOOKUP_VARS if name == "lookups" else V)
    print(total, "cases")


if __name__ == "__main__":
    main()
