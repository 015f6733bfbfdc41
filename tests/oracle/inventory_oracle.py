#!/usr/bin/python3
"""Writes tests/cases/inventory/*.json: small inventories and what the installed ansible-core makes of them.

Each case has the files, the sources (-i), what ansible-inventory --list prints for every host, the groups with their order,
and the hosts of patterns. Run it again after adding a case; the C tests in tests/unit/{inventory,vars} read the results.
"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, '..', 'cases', 'inventory')
INTERNAL = ('inventory_file', 'inventory_dir', 'inventory_hostname', 'inventory_hostname_short', 'group_names')

SITE = """\
lonely ansible_host=10.0.0.1
[web]
web[1:5].example.com
[db]
db1 role=master
db2
db3
[db:vars]
port=5432
[prod:children]
web
db
[stage]
web1.example.com
db3
stage1
[dc1]
db1
web2.example.com
[dc-2]
db2
web3.example.com
[cache-1]
cache1
"""

SITE_PATTERNS = """all
*
web
db
prod
web:db
web,db
db:web
web, db
web:&stage
web:!stage
prod:&dc1
prod:!dc1:!dc-2
all:!prod
!web
&web
&web:!web1.example.com
!web:!db
!web:db
&stage:web
web[0]
web[1]
web[-1]
web[-2]
web[0:2]
web[1:]
web[1:1]
web[3:0]
web[0:0]
web[2-3]
web[9]
web[7:9]
prod[0]
prod[-1]
all[0]
all[-1]
all[2:4]
db*
*1*
web?.example.com
web[12].example.com
web[!12].example.com
web[1-3].example.com
*.example.com
~web[12]
~web\\d+\\.example
~(web|db)[1-2]
~.*example.com$
~^db
~db.*[0-1]
~(
lonely
localhost
127.0.0.1
::1
localhost:lonely
nosuch
web:nosuch
nosuch[0]
ungrouped
all:!ungrouped
un*
al*
dc-2
dc*
dc?2
dc*:&web
cache-1
*-*
db1
db1:db1
db1:db
db:db1
db1,db2
db1:&db
db[0]:web[0]
db[0:1]:&dc1
web[0:2]:!web[0]
prod[1:3]:!web[1]
web1.example.com:22
web2.example.com,
 web
web db
web;db
[web]
web[
web]
web[a]
web[1:a]
web[]
!stage:prod
prod:!stage:&dc1
prod:&dc1:!db
prod:!db1:!db2
prod:!web*
web*:db*
web*:!*3*
web1*:db1*
*e[1-2]*
st*
stage[0]:stage[-1]
~
all:!~web
&~web
all:&*2
all:!all
all:&all
*[0]
*[-1]
*.com[0]
*.com[1:2]
w*[0]
""".split('\n')[:-1]

MISC_VALUES = """\
[v]
h1 a=1 b=1.5 c=True d=true e=None f=none g='quoted text' h="double quoted" i=[1,2,3] j="[1, 'two', 3.0]" k="{'a': 1}" l=yes
h2 a=0x1F b=0o17 c=017 d=1_000 e=1e3 f=-5 g=+7 h=--1 i=.5 j=5. k=1,2 l=(1,) m=() n=[] o={}
h3 a='it''s' b="with \\" quote" c=back\\ slash d="#nohash" e=ab#comment f=2
h4 a="'5'" b='"6"' c="u'x'" d="r'a\\nb'" e="'a\\\\nb'" f="'a' 'b'" g="1 + 1" k="b'bytes'"
h5 a= b='' c=a=b d="x = y" e={{foo}} f="{{ foo }}" h=-9223372036854775807 i=00 j=1__0 k=0b101
h6 a=10.0.0.1 b=1.2.3 c=2020-01-01 d=a:b e=http://x/y?z=1 f=$HOME g=~/.ssh h=a,b i=*x j=@f k=100% l=None, m=[1,]
h7 a="'''tri'''" b="'\\x41\\u00e9'" c="[True, False, None]" d="{'a': [1, {'b': (2, 3)}]}" e="[1, x]" f="'unterminated" g="1 # c"
[v:vars]
one=1
str=some text # with hash
quoted="a # b"  # comment
list=[1, 2]   # comment
empty=
eq=a=b=c
dict={"k": "v", 'n': None}
 spaced  =  around value
bool=False
lower=false
path=/a/b
tmpl={{ one }}
version=1.10
octal=0755
tuple=a, b
num_tuple=1, 2
single='x'
semi=a;b
"""

CASES = [
    dict(name='site', files={'hosts': SITE}, sources=['hosts'], patterns=SITE_PATTERNS),
    dict(name='values', files={'hosts': MISC_VALUES}, sources=['hosts']),
    dict(name='empty', files={'hosts': ''}, sources=['hosts'], patterns=['all', 'localhost', 'x']),
    dict(name='comments', files={'hosts': '# c\n; d\n  # e\n\n[g] # f\nh1 # g\nh2\t# h\n[g:vars] # i\n# j\nx=1\n'}, sources=['hosts']),
    dict(name='list', files={}, sources=['a,b:2222,c,'], patterns=['all', 'a', 'ungrouped', 'b:c']),
    dict(name='list_one', files={}, sources=['localhost,'], patterns=['all', 'localhost', '127.0.0.1']),
    dict(name='list_v6', files={}, sources=['::1,[fe80::1]:22,10.0.0.1:22,a b'], patterns=['all', '::1', 'fe80::1']),
    dict(name='list_two', files={'h': '[g]\na x=1\n'}, sources=['h', 'a,z,'], patterns=['all', 'g', 'ungrouped']),
    dict(name='ranges', files={'hosts': '[g]\nw[01:05]\nw[1:10:3]\nx[a:e:2]\ny[08:11]z\nm[1:2]n[a:b]\n[0:2]q\nr[:2]\nzz[A:C]\ndb-[001:003].x.org:2200 v=1\n10.0.0.[1:3]\n'},
         sources=['hosts'], patterns=['g[0:2]', 'w*', '10.0.0.*', '10.0.0.[1:2]', 'm[1:2]n[a:b]']),
    dict(name='range_eq', files={'hosts': 'a[9:11]\nb[3:1]\nc[1:1]\n'}, sources=['hosts']),
    dict(name='range_pad', files={'hosts': 'a[01:5]\n'}, sources=['hosts']),
    dict(name='range_back', files={'hosts': 'a[d:b]\n'}, sources=['hosts']),
    dict(name='range_noend', files={'hosts': 'a[1:]\n'}, sources=['hosts']),
    dict(name='range_word', files={'hosts': 'a[1:x]\n'}, sources=['hosts']),
    dict(name='range_four', files={'hosts': 'a[1:2:3:4]\n'}, sources=['hosts']),
    dict(name='range_open', files={'hosts': 'a[1:2\n'}, sources=['hosts']),
    dict(name='range_zero', files={'hosts': 'a[1:2:0]\n'}, sources=['hosts']),
    dict(name='ports', files={'hosts': 'a:22\n[::1]:2222\n::2\nfe80::1\nb:x\n[c]:33\n1.2.3.4:5\n1.2.3.400:6\nd_e-f.g:7\n-bad:8\nbad-:9\nu_:10\n'}, sources=['hosts']),
    dict(name='port_colon', files={'hosts': 'a:\n'}, sources=['hosts']),
    dict(name='port_twice', files={'hosts': '[g]\na:22 x=1\n[h]\na:33 y=2\n'}, sources=['hosts']),
    dict(name='children_later', files={'hosts': '[top:children]\nmid\n[mid:children]\nleaf\n[leaf]\nh1\n[top:vars]\na=1\nb=1\n[leaf:vars]\nb=2\n'}, sources=['hosts'], patterns=['top', 'mid', 'leaf', 'top:!leaf']),
    dict(name='vars_first', files={'hosts': '[g:vars]\na=1\n[g]\nh\n'}, sources=['hosts']),
    dict(name='vars_undefined', files={'hosts': '[g:vars]\na=1\n'}, sources=['hosts']),
    dict(name='child_undefined', files={'hosts': '[g:children]\nnope\n'}, sources=['hosts']),
    dict(name='child_of_vars', files={'hosts': '[a:children]\nb\n[b:vars]\nx=1\n'}, sources=['hosts']),
    dict(name='loop', files={'hosts': '[a:children]\nb\n[b:children]\na\n'}, sources=['hosts']),
    dict(name='loop_self', files={'hosts': '[a:children]\na\n'}, sources=['hosts']),
    dict(name='loop_three', files={'hosts': '[a:children]\nb\n[b:children]\nc\n[c:children]\na\n'}, sources=['hosts']),
    dict(name='diamond', files={'hosts': '[t:children]\nl\nr\n[l:children]\nb\n[r:children]\nb\n[b]\nh\n[l:vars]\nx=l\n[r:vars]\nx=r\n[t:vars]\nx=t\ny=t\n'}, sources=['hosts'], patterns=['t', 'l:&r']),
    dict(name='uneven', files={'hosts': '[a:children]\nb\nc\n[b:children]\nc\n[c]\nh\n[b:vars]\nx=b\n[c:vars]\nx=c\n[z]\nh\n[z:vars]\nx=z\n'}, sources=['hosts']),
    dict(name='priority', files={'hosts': '[a]\nh\n[b]\nh\n[c]\nh\n[a:vars]\nx=a\nansible_group_priority=10\n[b:vars]\nx=b\nansible_group_priority=5\n[c:vars]\nx=c\n'}, sources=['hosts']),
    dict(name='priority_bad', files={'hosts': '[a]\nh\n[a:vars]\nansible_group_priority=high\n'}, sources=['hosts']),
    dict(name='priority_depth', files={'hosts': '[a:children]\nb\n[b]\nh\n[a:vars]\nx=a\nansible_group_priority=10\n[b:vars]\nx=b\n'}, sources=['hosts']),
    dict(name='names', files={'hosts': '[bb]\nh\n[aa]\nh\n[cc]\nh\n[aa:vars]\nx=aa\n[bb:vars]\nx=bb\n[cc:vars]\nx=cc\n'}, sources=['hosts']),
    dict(name='ungrouped', files={'hosts': 'u1\n[ungrouped]\nu2\n[g]\ng1\nu1\n[all]\na1\ng1\n'}, sources=['hosts'], patterns=['all', 'ungrouped', 'g']),
    dict(name='all_vars', files={'hosts': 'u1\n[all:vars]\nx=1\ny=all\n[g]\nh y=host\n[g:vars]\nx=2\n'}, sources=['hosts']),
    dict(name='all_child', files={'hosts': '[g:children]\nall\n'}, sources=['hosts']),
    dict(name='same_name', files={'hosts': '[g]\ng x=1\nh\n'}, sources=['hosts'], patterns=['g', 'g:h', 'g*']),
    dict(name='twice', files={'hosts': '[a]\nh x=1\n[b]\nh x=2 y=3\n[a]\ni\n'}, sources=['hosts'], patterns=['a', 'b']),
    dict(name='bad_kv', files={'hosts': '[g]\nh x=1 nokv\n'}, sources=['hosts']),
    dict(name='bad_quote', files={'hosts': '[g]\nh x="1\n'}, sources=['hosts']),
    dict(name='bad_escape', files={'hosts': '[g]\nh x=1\\\n'}, sources=['hosts']),
    dict(name='bad_section', files={'hosts': '[g:foo]\nh\n'}, sources=['hosts']),
    dict(name='bad_section2', files={'hosts': '[g g]\nh\n'}, sources=['hosts']),
    dict(name='bad_vars', files={'hosts': '[g]\n[g:vars]\nnokv\n'}, sources=['hosts']),
    dict(name='bad_child', files={'hosts': '[g]\n[h:children]\ng g\n'}, sources=['hosts']),
    dict(name='crlf', files={'hosts': '[g]\r\nh x=1\r\n[g:vars]\r\ny=a b\r\n'}, sources=['hosts']),
    dict(name='local', files={'hosts': '[g]\nlocalhost ansible_connection=local\n'}, sources=['hosts'], patterns=['all', 'localhost', '127.0.0.1', 'g']),
    dict(name='local_ip', files={'hosts': '127.0.0.1\nlocalhost\n'}, sources=['hosts'], patterns=['localhost', '127.0.0.1', '::1']),
    dict(name='dotted', files={'hosts': '[a.b]\nx\n[c]\na.b\n'}, sources=['hosts'], patterns=['a.b', 'a?b', 'a.*']),
    dict(name='quoted_host', files={'hosts': '"h 1" x=1\n\'h2\'\n'}, sources=['hosts']),
    dict(name='yaml', files={'hosts.yml': 'all:\n  hosts:\n    a:\n    b: {x: 1, y: "{{ x }}"}\n    w[1:3].x:\n      z: [1, 2]\n  vars: {v: 1, ansible_group_priority: 3}\n  children:\n    g:\n      hosts: {c: , d: {}}\n      vars: {gv: true}\n      children: {sub: {hosts: {c: {q: 1.5}}}}\n    e:\n'},
         sources=['hosts.yml'], patterns=['all', 'g', 'sub', 'w*', 'ungrouped', 'e']),
    dict(name='yaml_tops', files={'hosts.yaml': 'web:\n  hosts: w1\ndb:\n  hosts:\n    "d1:2022": {}\n    "d[1:2]": {n: 1}\nplain:\n'}, sources=['hosts.yaml'], patterns=['all', 'web', 'db']),
    dict(name='yaml_noext', files={'inv': 'all:\n  children:\n    g:\n      hosts:\n        h: {a: 1}\n'}, sources=['inv']),
    dict(name='yaml_odd', files={'hosts.yml': 'g:\n  hosts:\n    h:\n  other: {a: 1}\n  more: 3\nscalar: 5\nlist: [1]\n'}, sources=['hosts.yml']),
    dict(name='yaml_list', files={'hosts.yml': '- a\n- b\n'}, sources=['hosts.yml']),
    dict(name='yaml_badvars', files={'hosts.yml': 'g:\n  hosts:\n    h: [1]\n'}, sources=['hosts.yml']),
    dict(name='yaml_badhosts', files={'hosts.yml': 'g:\n  hosts: [a, b]\n'}, sources=['hosts.yml']),
    dict(name='yaml_intname', files={'hosts.yml': 'g:\n  hosts:\n    1: {}\n'}, sources=['hosts.yml']),
    dict(name='yaml_intgroup', files={'hosts.yml': '1:\n  hosts:\n    a: {}\n'}, sources=['hosts.yml']),
    dict(name='yaml_badchild', files={'hosts.yml': 'g:\n  children:\n    h: 5\n'}, sources=['hosts.yml']),
    dict(name='yaml_loop', files={'hosts.yml': 'a:\n  children:\n    b:\n      children:\n        a:\n'}, sources=['hosts.yml']),
    dict(name='yaml_plugin', files={'hosts.yml': 'plugin: nosuch.plugin\n'}, sources=['hosts.yml']),
    dict(name='yaml_types', files={'hosts.yml': 'g:\n  hosts:\n    h:\n      a: yes\n      b: 012\n      c: 1_000\n      d: ~\n      e: 1e3\n      f: "x"\n      g: {k: [1, {z: no}]}\n      h: 0x1f\n      i: 1:30\n'}, sources=['hosts.yml']),
    dict(name='json', files={'hosts.json': '{"all": {"hosts": {"a": {"x": 1e3}, "b": null}, "children": {"g": {"hosts": {"a": {}}}}}}'}, sources=['hosts.json']),
    dict(name='ini_in_yml', files={'hosts.yml': '[g]\nh x=1\n'}, sources=['hosts.yml']),
    dict(name='ini_ext', files={'hosts.ini': '[g]\nh x=1\n'}, sources=['hosts.ini']),
    dict(name='script', files={'inv.sh': '#!/bin/sh\ncat <<X\n{"g": {"hosts": ["a", "b"], "vars": {"v": 1}, "children": ["k"]}, "k": ["c"], "solo": {"x": 1}, "_meta": {"hostvars": {"a": {"hv": "{{ v }}"}}}}\nX\n'},
         modes={'inv.sh': 0o755}, sources=['inv.sh'], patterns=['all', 'g', 'k', 'solo']),
    dict(name='script_host', files={'inv.sh': '#!/bin/sh\nif [ "$1" = --list ]; then echo \'{"g": {"hosts": ["a", "b"]}}\'; elif [ "$2" = a ]; then echo \'{"n": "a"}\'; else echo \'{}\'; fi\n'},
         modes={'inv.sh': 0o755}, sources=['inv.sh']),
    dict(name='script_fail', files={'inv.sh': '#!/bin/sh\necho oops >&2\nexit 3\n'}, modes={'inv.sh': 0o755}, sources=['inv.sh']),
    dict(name='script_nojson', files={'inv.sh': '#!/bin/sh\necho hello\n'}, modes={'inv.sh': 0o755}, sources=['inv.sh']),
    dict(name='script_list', files={'inv.sh': '#!/bin/sh\necho [1]\n'}, modes={'inv.sh': 0o755}, sources=['inv.sh']),
    dict(name='exec_ini', files={'hosts': '[g]\nh x=1\n'}, modes={'hosts': 0o755}, sources=['hosts']),
    dict(name='dir', files={'inv/b': '[g]\nh1 x=b\n', 'inv/a.yml': 'g:\n  hosts:\n    h2: {x: a}\n    h1: {x: a}\n', 'inv/skip.cfg': 'bad bad\n', 'inv/.hidden': 'bad bad\n', 'inv/x.orig': 'bad bad', 'inv/y~': 'bad bad', 'inv/z.bak': 'bad bad', 'inv/r.md': 'bad bad', 'inv/t.txt': 'bad bad', 'inv/skip.ini': '[skipped]\nsk\n',
                            'inv/group_vars/g.yml': 'gv: 1\n', 'inv/host_vars/h1.yml': 'hv: 1\n', 'inv/sub/c': '[s]\nh3\n', 'inv/sub/group_vars/s.yml': 'not: loaded\n'},
         sources=['inv'], patterns=['all', 'g', 's', 'skipped']),
    dict(name='group_vars', files={'hosts': '[web]\nw1\nw2\n[db]\nd1\n[site:children]\nweb\ndb\n[site:vars]\nlevel=file\n',
                                   'group_vars/all.yml': 'level: all\nonly_all: 1\n', 'group_vars/site.yaml': 'level: site\n', 'group_vars/web/10-a.yml': 'a: 10\nb: 10\n',
                                   'group_vars/web/20-b': 'b: 20\n', 'group_vars/web/.hid': 'c: 1\n', 'group_vars/web/x.txt': 'c: 1\n', 'group_vars/web/z~': 'c: 1\n', 'group_vars/web/deep/er.json': '{"deep": true}',
                                   'group_vars/web/dir.d/x.yml': 'c: 1\n', 'group_vars/db.json': '{"j": [1, 2]}', 'group_vars/ungrouped.yml': 'never: 1\n',
                                   'host_vars/w1': 'h: noext\n', 'host_vars/w1.yml': 'h: ext\n', 'host_vars/w2.yml': 'h: yml\n', 'host_vars/w2.yaml': 'h: yaml\n', 'host_vars/d1/main.yml': 'h: dir\n', 'host_vars/d1.yml': 'h: file\n'},
         sources=['hosts']),
    dict(name='vars_empty', files={'hosts': 'h\n', 'group_vars/all.yml': '', 'host_vars/h.yml': '---\n# nothing\n'}, sources=['hosts']),
    dict(name='vars_order', files={'hosts': '[a]\nh\n[b]\nh\n[c:children]\na\n[a:vars]\nansible_group_priority=7\n', 'group_vars/a.yml': 'x: a\n', 'group_vars/b.yml': 'x: b\ny: b\n', 'group_vars/c.yml': 'x: c\ny: c\nz: c\n', 'group_vars/all.yml': 'x: all\nz: all\nw: all\n'}, sources=['hosts']),
    dict(name='vars_two_dirs', files={'i1/hosts': '[a]\nh\n[b:children]\na\n', 'i2/hosts': '[a]\nh\n', 'i1/group_vars/a.yml': 'x: i1a\n', 'i2/group_vars/b.yml': 'x: i2b\n', 'i1/host_vars/h.yml': 'y: 1\n', 'i2/host_vars/h.yml': 'y: 2\n', 'i1/group_vars/all.yml': 'z: 1\n', 'i2/group_vars/all.yml': 'z: 2\n'}, sources=['i1/hosts', 'i2']),
    dict(name='vars_two_dirs_rev', files={'i1/hosts': '[a]\nh\n', 'i2/hosts': '[a]\nh\n', 'i1/group_vars/a.yml': 'x: 1\n', 'i2/group_vars/a.yml': 'x: 2\n'}, sources=['i2/hosts', 'i1/hosts', 'i2/hosts']),
    dict(name='playbook_vars', files={'inv/hosts': '[g]\nh f=file\n[g:vars]\ngf=file\n', 'inv/group_vars/all.yml': 'a: inv\nb: inv\nc: inv\nd: inv\ne: inv\n', 'pb/group_vars/all.yml': 'b: pb\nc: pb\nd: pb\ne: pb\n', 'inv/group_vars/g.yml': 'c: invg\nd: invg\ne: invg\ngf: invg\n', 'pb/group_vars/g.yml': 'd: pbg\ne: pbg\n', 'inv/host_vars/h.yml': 'e: invh\nf: invh\ng: invh\n', 'pb/host_vars/h.yml': 'g: pbh\n'}, sources=['inv/hosts'], playbook_dir='pb'),
    dict(name='several', files={'a': '[g]\nh1 x=1\n[g:vars]\nv=a\n', 'b': '[g]\nh2\nh1 x=2\n[g:vars]\nv=b\nw=b\n'}, sources=['a', 'b'], patterns=['all', 'g', 'h2:h1']),
    dict(name='unicode', files={'hosts': '[gr\u00fc\u00df]\nh\u00f6st x=\u00e9\n'}, sources=['hosts'], patterns=['gr\u00fc\u00df', 'h?st', 'h*']),
    dict(name='yaml_fallback', files={'hosts': 'localhost ansible_connection=local\nother\n'}, sources=['hosts'], patterns=['all']),
    dict(name='deep', files={'hosts': '[a:children]\nb\n[b:children]\nc\n[c:children]\nd\n[d]\nh\n[b:vars]\nx=b\n[c:vars]\nx=c\ny=c\n[d:vars]\ny=d\n[a:vars]\nx=a\nz=a\n'}, sources=['hosts'], patterns=['a', 'b', 'd', 'a:!c']),
    dict(name='shared', files={'hosts': '[east]\ne1\nb1\n[west]\nw1\nb1\n[both:children]\nwest\neast\n[app]\ne1\nw1\n[app:vars]\nx=app\n[east:vars]\nx=east\n[west:vars]\nx=west\n'}, sources=['hosts'],
         patterns=['both', 'east:west', 'west:east', 'both:&app', 'both:!app', 'east:&west', 'both[0]', 'both[-1]', 'both[0:1]:&east', 'app:both', '!both', '&app:&east', '~[ew]1', '[ew]1', '?1', '??', '*', 'e*:w*', 'b*', 'bo*:!b1', '*t', '*th:!e*']),
    dict(name='port_patterns', files={'hosts': 'h1:2222\n[v6]\n2001:db8::1\n2001:db8::2\n[::3]:22\n'}, sources=['hosts'],
         patterns=['h1', 'h1:2222', '2001:db8::1', '2001:db8::1,2001:db8::2', '2001:*', 'v6[0]', 'v6:!2001:db8::1', 'v6,!2001:db8::1', '::3', '[::3]:22', '2001:db8::[1:2]']),
]


def run_list(case, root):
    env = dict(os.environ, ANSIBLE_CONFIG='/nonexistent.cfg', HOME=root, ANSIBLE_LOCALHOST_WARNING='0', LC_ALL='C.UTF-8')
    cmd = ['ansible-inventory', '--list']
    for s in case['sources']:
        cmd += ['-i', s]
    if case.get('playbook_dir'):
        cmd += ['--playbook-dir', case['playbook_dir']]
    p = subprocess.run(cmd, cwd=root, env=env, capture_output=True, text=True)
    failed = 'Unable to parse' in p.stderr or p.returncode != 0
    data = json.loads(p.stdout) if p.returncode == 0 else {'_meta': {'hostvars': {}}}
    return failed, data['_meta']['hostvars']


def structure(case, root):
    """Runs in a process of its own: groups, hosts and patterns."""
    os.chdir(root)
    os.environ['ANSIBLE_CONFIG'] = '/nonexistent.cfg'
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    inv = InventoryManager(loader=DataLoader(), sources=list(case['sources']))
    groups = {}
    for name, g in inv.groups.items():
        groups[name] = dict(depth=g.depth, priority=g.priority, hosts=[h.name for h in g.get_hosts()],
                            direct=[h.name for h in g.hosts], children=[c.name for c in g.child_groups])
    patterns = []
    for p in case.get('patterns', []):
        try:
            patterns.append(dict(pattern=p, hosts=[h.name for h in inv.get_hosts(p)]))
        except Exception:
            patterns.append(dict(pattern=p, error=True))
    hosts = {h.name: sorted(g.name for g in h.groups) for h in inv.hosts.values()}
    json.dump(dict(groups=groups, hosts=hosts, patterns=patterns), sys.stdout)


def order_of(results, pick):
    return all(pick(r) == pick(results[0]) for r in results)


def make(case):
    with tempfile.TemporaryDirectory() as root:
        root = os.path.realpath(root)
        for path, text in case['files'].items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, 'w', encoding='utf-8', newline='') as f:
                f.write(text)
            os.chmod(full, case.get('modes', {}).get(path, 0o644))
        failed, hostvars = run_list(case, root)
        results = []
        for _ in range(1 if failed else 4):
            p = subprocess.run([sys.executable, __file__, '--structure'], input=json.dumps(dict(case=case, root=root)),
                               capture_output=True, text=True, check=False)
            results.append(json.loads(p.stdout) if p.returncode == 0 else None)
    if None in results:
        failed, results = True, [dict(groups={}, hosts={}, patterns=[])]
    out = results[0]
    # ansible walks sets of groups, so deep orders differ between runs: those are compared as sets
    for name, g in out['groups'].items():
        g['ordered'] = order_of(results, lambda r, n=name: r['groups'][n]['hosts'])
    for i, p in enumerate(out['patterns']):
        if 'hosts' in p:
            p['ordered'] = order_of(results, lambda r, n=i: r['patterns'][n].get('hosts'))
    for v in hostvars.values():
        for k in INTERNAL:
            v.pop(k, None)
    doc = dict(name=case['name'], files=case['files'], modes=case.get('modes', {}), sources=case['sources'],
               playbook_dir=case.get('playbook_dir'), fails=failed)
    if not failed:
        doc.update(hostvars={h: hostvars.get(h, {}) for h in out['hosts']}, **out)
    with open(os.path.join(OUT, case['name'] + '.json'), 'w', encoding='utf-8') as f:
        json.dump(doc, f, indent=1, ensure_ascii=False)
        f.write('\n')
    return failed


def main():
    if sys.argv[1:] == ['--structure']:
        doc = json.load(sys.stdin)
        structure(doc['case'], doc['root'])
        return
    os.makedirs(OUT, exist_ok=True)
    names = sys.argv[1:]
    chosen = [c for c in CASES if not names or c['name'] in names]
    for case in chosen:
        print(case['name'], 'fails' if make(case) else 'ok', flush=True)


if __name__ == '__main__':
    main()
