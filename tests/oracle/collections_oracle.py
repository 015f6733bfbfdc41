#!/usr/bin/python3
"""Writes tests/cases/plugins/c_*.json: what filters, tests and lookups of collections give.

Run with Debian's python3, ansible-core 2.14, python3-netaddr and python3-jmespath:
    COLLECTIONS=/some/where tests/oracle/collections_oracle.py [group ...]
where /some/where/ansible_collections/ holds ansible.utils and community.general (they are not part of this project).
Lines are as in plugins_oracle.py.
"""
import itertools
import os
import re
import sys

os.environ["ANSIBLE_COLLECTIONS_PATH"] = os.environ["COLLECTIONS"]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import plugins_oracle as base  # noqa: E402
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder  # noqa: E402

_AnsibleCollectionFinder(paths=[os.environ["COLLECTIONS"]], scan_sys_paths=False)._install()

GROUPS = {}

# -- addresses ---------------------------------------------------------------------------------------------------------
QUERIES = """6to4 address address/prefix bool broadcast cidr first_usable gateway gw host host/prefix hostmask hostnet int ip
ip/prefix ip_netmask ipv4 ipv6 last_usable link-local lo loopback multicast net next_usable netmask network network_id
network/prefix network_netmask network_wildcard peer prefix previous_usable private public range_usable revdns router
size size_usable subnet type unicast version wildcard wrap""".split()
NETS = ["192.168.1.5/24", "10.0.0.0/8", "8.8.8.8", "172.16.0.1/30", "172.16.0.3/30", "10.1.1.0/31", "127.0.0.1",
        "224.0.0.5/32", "2001:db8::1/64", "::1", "fe80::5/10", "2002:c0a8:101::1/48", "::ffff:10.1.2.3/120"]
HOSTILE = ["'foo'", "''", "none", "true", "false", "1.5", "'10.0.0.256'", "'1.2.3.4/33'", "'10'", "'10.1'", "'10.1/16'",
           "'10.1.2.3/255.255.0.0'", "'10.1.2.3/0.0.0.255'", "'10.1.2.3/255.0.255.0'", "3232235777", "'3232235777'",
           "'3232235777/24'", "0", "4294967296", "'4294967296/64'", "-5", "'::/0'", "'fe80::1%eth0'", "'1::2::3'",
           "'192.168.01.1'", "' 10.0.0.1'", "'10.0.0.1/ 24'", "'10.0.0.1/24/8'", "{'a': 1}",
           "['10.0.0.1', '::1', 'x', none, '', true, 5, '192.168.0.0/24']", "[['10.0.0.1', 'x'], '8.8.8.8']",
           "'255.255.255.255'", "'0.0.0.0'", "'0.0.0.0/0'", "'255.255.255.0'", "'198.51.100.7'", "'239.1.1.1'",
           "'100.64.1.1'", "'64:ff9b::1'", "'2001:4860::8888'", "'fd00::1'", "'ff02::1'"]
g = [f"'{n}' | ipaddr('{q}')" for n in NETS for q in QUERIES]
g += [f"{v} | {f}" for v in HOSTILE for f in
      ("ipaddr", "ipv4", "ipv6", "ipwrap", "ipaddr('address')", "ipaddr('public')", "ipaddr('private')")]
g += [f"'{n}' | ansible.utils.ipaddr({q})" for n in NETS[:5] + NETS[8:9] for q in
      ("1", "'1'", "'-1'", "'255'", "-256", "'300'", "'1.5'", "'x'", "'10.0.0.0/8'", "'192.168.0.0/16'", "'2001:db8::/32'",
       "'192.168.1.5'", "''", "'cidr_lookup'", "query='net'", "version=4", "'host', 6", "'wrap', version=6")]
g += [f"['192.168.1.1/24', '10.0.0.0/8', '2001:db8::1', 'x'] | {f}('{q}')"
      for f in ("ansible.netcommon.ipaddr", "ipv4", "ansible.utils.ipv6", "ipwrap") for q in
      ("address", "network", "192.168.0.0/16", "net", "nope")]
BIG = ("18446744073709551617", "'18446744073709551617'", "-18446744073709551617", "340282366920938463463374607431768211456")
g += [f"'2001:db8::/32' | ipaddr({q})" for q in BIG] + [f"{n} | ipaddr('{q}')" for n in (
    "42540766411282592856903984951653826561", "'42540766411282592856903984951653826561'", "340282366920938463463374607431768211456", "18446744073709551616") for q in
    ("", "int", "address", "net", "bool")]
GROUPS["c_ipaddr"] = g

g = [f"'{n}' | ipsubnet{a}" for n in NETS + ["x", "10.0.0.0/0"] for a in
     ("", "(16)", "('24')", "(26)", "(33)", "(24, 0)", "('28', 3)", "(30, -1)", "(30, 5000)", "('10.0.0.0/8')",
      "('192.168.0.0/16')", "('2001:db8::/32')", "('x')", "(64)", "(72, 1)")]
g += [f"'{n}' | ipmath({a})" for n in ("192.168.1.5", "192.168.1.5/24", "10.1", "255.255.255.255", "0.0.0.0", "::1", "x", "2001:db8::ffff")
      for a in (1, -1, 10, 256, "'5'", "'x'", 0)]
g += [f"'{n}' | nthhost({a})" for n in NETS + ["x"] for a in (0, 1, 5, -1, "'2'", "''", 300, -300, "'x'")]
g += [f"'{n}' | {f}({a})" for n in NETS[:8] + ["x", "192.168.1.254/24"] for a in (1, 2, -1, 300, "'x'", "")
      for f in ("next_nth_usable", "previous_nth_usable")]
g += [f"'{a}' | {f}('{b}')" for f in ("network_in_usable", "network_in_network") for a, b in itertools.product(
    ["192.168.0.0/24", "192.168.0.0/31", "10.0.0.1", "x", "2001:db8::/64"],
    ["192.168.0.1", "192.168.0.0", "192.168.0.255", "192.168.0.0/25", "192.168.0.0/24", "192.168.0.0/31", "10.0.0.1", "y",
     "2001:db8::5", "192.168.0.9/24"])]
g += ["['192.168.0.34', '10.3.0.3', '192.168.2.34', 'x', '192.168.0.0/25'] | reduce_on_network('192.168.0.0/24')",
      "['192.168.0.34'] | reduce_on_network('x')", "'192.168.0.34' | reduce_on_network('192.168.0.0/24')",
      "[] | reduce_on_network('192.168.0.0/24')", "['10.0.0.0'] | reduce_on_network('10.0.0.0/31')"]
g += [f"'{n}' | slaac('{m}')" for n in ("fdcf:1894:23b5:d38c::/64", "2001:db8::5/64", "10.0.0.0/8", "x", "::1") for m in
      ("c2:31:b3:83:bf:2b", "c231.b383.bf2b", "c231b383bf2b", "x", "", "00:11:22:33:44:55:66:77")]
g += [f"{l} | cidr_merge{a}" for l in (
    "['192.168.0.0/17', '192.168.128.0/17', '192.168.128.1']", "['192.168.1.1', '192.168.1.2', '192.168.1.3', '192.168.1.4']",
    "['10.0.0.0/8', '10.1.0.0/16', '11.0.0.0/8', '2001:db8::/33', '2001:db8:8000::/33']", "[]", "['10.0.0.5/8']", "['x']",
    "'10.0.0.0/8,11.0.0.0/8'", "['0.0.0.0/1', '128.0.0.0/1']", "['::/0', '::1']", "['10.0.0.1', '10.0.0.2', '10.0.0.9']",
    "['10.0.0.1', '2001::1']") for a in ("", "('span')", "('merge')", "('nope')")]
g += [f"'{n}' | ip4_hex{a}" for n in ("192.168.1.5", "10.1", "x", "::1", "255.255.255.255") for a in ("", "(':')", "('')")]
g += [f"'{n}' | ansible.utils.{f}" for n in ("1234:4321:abcd:dcba::17", "192.168.1.5", "x", "::1") for f in
      ("ipcut(80)", "ipcut(-80)", "ipcut(8)", "ipcut(-16)", "ipcut(0)", "ipcut(20)", "ipv6form('expand')",
       "ipv6form('compress')", "ipv6form('x509')", "ipv6form('x')")]
g += ["'10.0.0.0/30' | ansible.utils.usable_range", "'10.0.0.1/30' | ansible.utils.usable_range", "'x' | ansible.utils.usable_range",
      "'2001:db8::/127' | ansible.utils.usable_range", "'10.0.0.1' | ansible.utils.usable_range"]
g += [f"'2001:db8::/16' | {f}" for q in BIG for f in (f"nthhost({q})", f"ipsubnet(100, {q})", f"ipsubnet(64, {q})")]
g += [f"'{n}' | ipmath({a})" for n in ("::1", "2001:db8::1", "10.0.0.1", "ffff::") for a in ("36893488147419103232", "-36893488147419103232", "340282366920938463463374607431768211456")]
GROUPS["c_ipnet"] = g

MACS = ["00:1A:2b:3c:4d:5e", "001a.2b3c.4d5e", "00-1a-2b-3c-4d-5e", "001a2b3c4d5e", "01a2b3c4d5e", "1:2:3:4:5:6", "001a2b:3c4d5e",
        "x", "", "123", "00:1a:2b:3c:4d:5g", "00:1a:2b:3c:4d", "281474976710656"]
GROUPS["c_mac"] = [f"'{m}' | {f}{q}" for m in MACS for f in ("hwaddr", "ansible.utils.macaddr") for q in
                   ("", "('bare')", "('bool')", "('int')", "('cisco')", "('eui48')", "('linux')", "('pgsql')", "('psql')", "('unix')",
                    "('win')", "('nope')") if not (m == "281474976710656" and q not in ("", "('bool')", "('int')", "('nope')"))
                   and (f == "hwaddr" or q in ("", "('win')", "('nope')"))]
GROUPS["c_mac"] += [f"123456 | hwaddr{q}" for q in ("", "('bool')", "('linux')")]

ONE = "ip ip_address ipv4 ipv4_address ipv6 ipv6_address ipv6_ipv4_mapped ipv6_sixtofour ipv6_teredo loopback multicast private public reserved unspecified ipv4_hostmask ipv4_netmask mac".split()
ADDR = ["10.1.1.1", "10.0.0.0/8", "10.0.0.1/8", "8.8.8.8", "127.0.0.1", "224.0.0.1", "240.0.0.1", "0.0.0.0", "100.64.0.1",
        "192.0.0.9", "192.0.0.8", "::1", "::", "2001:db8::/32", "2001:db8::1/32", "::ffff:10.1.1.1", "::ffff:8.8.8.8", "2002:c0a8::1",
        "2001::c0a8:6301:1", "fe80::1%eth0", "fe80::1%", "2001:4860::8888", "ff02::1", "fc00::1", "010.1.1.1", "10.1", "", "x",
        "0.0.0.255", "255.255.255.0", "255.0.255.0", "24", "8", "00:11:22:aa:bb:cc", "00-11-22-AA-BB-CC", "0011.22aa.bbcc", "001122aabbcc",
        "10.0.0.0/255.0.0.0", "10.0.0.0/0.255.255.255", "10.0.0.0/33", "2001:3::1", "2001:2::1", "64:ff9b::1", "64:ff9b:1::1"]
g = [f"'{a}' is ansible.utils.{t}" for a in ADDR for t in ONE]
g = g[::2] + [f"{a} is ansible.utils.{t}" for a in ("5", "none", "1.5", "['10.0.0.1']") for t in ("ip", "ipv4_address", "mac")]
g += [f"'{a}' is ansible.utils.{t} '{b}'" for t in ("in_network", "subnet_of", "supernet_of") for a, b in itertools.product(
    ["10.1.1.1", "10.0.0.0/8", "10.1.1.1/24", "::1", "x"], ["10.0.0.0/8", "10.1.1.0/24", "::/0", "y", "10.0.0.1/8"])]
g += [f"'{a}' is ansible.utils.{t} {b}" for t in ("in_any_network", "in_one_network") for a in ("10.1.1.1", "x", "::1") for b in
      ("['10.0.0.0/8', '192.168.0.0/16']", "['10.0.0.0/8', '10.1.0.0/16']", "[]", "'10.0.0.0/8,10.1.0.0/16'", "['x', '::/0']")]
GROUPS["c_iptests"] = g

# -- JMESPath ----------------------------------------------------------------------------------------------------------
GROUPS["c_json_query"] = [f"{d} | json_query({e!r})" for d, es in (
    ("srv", """name Name "name" 'name' `1` `"x"` `x` `[1, 2]` `{"a": null}` @ nosuch a.b.c ports ports[0] ports[-1] ports[9] ports[1:] ports[:-1]
ports[::2] ports[::-1] ports[5:0:-2] ports[::0] ports[*] tags.* *.x [*] [] * disks disks[].size disks[*].size disks[?size>`10`].name
disks[?size>='20'].name disks[?name=='sda'] disks[?name!='sda'].size disks[?contains(name,'d')] disks[?!ro].name disks[?ro||size==`5`]
disks[?ro&&size==`30`].name disks[].[name,size] disks[].{n:name,s:size} {a:name,b:ports[0]} [name,nosuch] disks[*].parts disks[].parts[]
disks[].parts[].id disks[*].parts[*].id disks[*].parts[0] disks[*].parts[]|[0] disks[0]|name (disks)[0].name (disks[*]).name disks|[0] !name !nosuch
name||`1` nosuch||name name&&nosuch length(name) length(ports) length(@) length(tags) length(n) sum(ports) avg(ports) avg(`[]`) max(ports)
min(ports) max(`["b","a"]`) max(`[]`) max(`[1,"a"]`) sort(ports) sort(`["b","a"]`) sort(`[1,"a"]`) sort_by(disks,&size)[].name
sort_by(disks,&name)[*].size sort_by(disks,&ro) sort_by(disks,name) max_by(disks,&size).name min_by(disks,&size).name reverse(ports) reverse(name)
join(',',keys(tags)) join(',',ports) keys(tags) values(tags) keys(ports) map(&size,disks) map(&nosuch,disks) map(size,disks) merge(tags,`{"z":1}`)
merge(tags,@.tags) not_null(nosuch,name) not_null(nosuch) not_null() to_array(name) to_array(ports) to_string(ports) to_string(tags) to_string(name)
to_string(`1.5`) to_string(`"ü"`) to_number('12') to_number('1.5') to_number('x') to_number(ports) to_number(`true`) to_number(' 7 ') type(name)
type(ports) type(n) type(tags) type(disks[0].ro) type(nosuch) abs(`-3`) abs(`-1.5`) abs(name) ceil(`1.2`) floor(`-1.2`) ceil(`3`) floor(name) contains(ports,`22`)
contains(name,'we') contains(name,`1`) contains(n,`1`) starts_with(name,'we') ends_with(name,'b1') starts_with(name,`1`) nosuch() length() length(a,b) @.name
name==`"web1"` n==`5` n=='5' n==`5.0` disks[0].ro==`1` disks[0].ro==`true` ports==`[80,22,443]` n>`4` n>name name>'a' name<'z' n>nosuch nosuch>n
[0] a.[0] a.b[ [ ] .name name. name..x a[b] a['x'] {a} {a:} {} [] [[]] (name name) name&name name=x name<>x disks[? disks[?size "a "b'c `{"a" -1 [-] [1 length(&name)
tags."os-name" tags.'x' "tags"."os-name" disks[*].{n:name,p:parts[*].id} disks[?parts[?id==`2`]].name disks[?parts].name disks[?name==`sda`].size""".split()),
    ("lst", ["[]", "[*]", "[].a", "[?a>`1`]", "[?a].a", "[0]", "[-1]", "@[?@==`1`]", "[*].a", "[].b[]", "length(@)", "[*] | [0]", "[][]", "[*][0]", "a",
             "[?type(@)=='number']", "[?type(@)=='object'].a", "not_null(@[9], @[0])", "[::-1] | [0]", "[1:3]", "[?a == `null`]", "[?!a]"]),
    ("txt", ["@", "length(@)", "reverse(@)", "a", "[0]", "contains(@, 'l')", "to_array(@)"]),
    ("nul", ["@", "a", "a.b", "[0]", "length(@)", "[a, b]", "{a: b}", "not_null(@, `1`)", "type(@)"])) for e in es]
GROUPS["c_json_query"] += ["srv | json_query(5)", "srv | json_query('')", "srv | json_query(' name ')",
                           "srv | community.general.json_query('disks[?size > `10`] | [0].name')",
                           "srv | json_query(\"tags.\\\"os-name\\\" || 'none'\")", "[[1, [2, 3]], [4]] | json_query('[][]')",
                           "{'a': (1, 2)} | json_query('a')", "{1: 2} | json_query('*')", "[3.0, 2, 1.5] | json_query('sort(@)')",
                           "[1, 2] | json_query('sum(@)')", "[1.5, 2] | json_query('sum(@)')", "[1, 2] | json_query('avg(@)')"]
JM = {"srv": {"name": "web1", "n": 5, "ports": [80, 22, 443], "tags": {"os-name": "debian", "env": "prod"},
              "disks": [{"name": "sda", "size": 30, "ro": True, "parts": [{"id": 1}, {"id": 2}]},
                        {"name": "sdb", "size": 5, "ro": False, "parts": []}, {"name": "sdc", "size": 20}]},
      "lst": [1, {"a": 1, "b": [1, 2]}, {"a": 3, "b": [3]}, [5, [6]], None, "x"], "txt": "hello", "nul": None}

# -- community.general -------------------------------------------------------------------------------------------------
C = "community.general."
g = []
for f in ("lists_union", "lists_intersect", "lists_difference", "lists_symmetric_difference"):
    g += [f"{a} | {C}{f}({b})" for a, b in (
        ("[1, 2, 2, 3]", "[3, 4, 1]"), ("[1, 2, 2, 3]", ""), ("[[1, 2], [2, 3], [3, 4, 2]]", "flatten=true"), ("[3, 1]", "[1, 2], [2, 3]"),
        ("[]", "[]"), ("[1]", "[]"), ("['b', 'a']", "['a', 'c'], ['c', 'd', 'b']"), ("[{'a': 1}, {'b': 2}]", "[{'a': 1}]"), ("[1, [2]]", "[[2], 3]"),
        ("[]", "flatten=true"), ("[[1, 2], 3]", "flatten=true"), ("[1, 1]", "flatten=true"), ("[1]", "nope=1"), ("[1, true, 1.0]", "[1]"),
        ("[[1], []]", "[[2]], flatten=true"))]
g += [f"{a} | {C}lists_mergeby({b})" for a, b in (
    ("la", "lb, 'name'"), ("[la, lb]", "'name'"), ("la", "'name'"), ("la", ""), ("la", "lb, 1"), ("la", "lb, 'nope'"), ("la", "[], 'name'"),
    ("lc", "ld, 'name', recursive=true"), ("lc", "ld, 'name', recursive=true, list_merge='keep'"), ("lc", "ld, 'name', list_merge='append'"),
    ("lc", "ld, 'name', recursive=true, list_merge='append'"), ("lc", "ld, 'name', recursive=true, list_merge='prepend'"),
    ("lc", "ld, 'name', recursive=true, list_merge='append_rp'"), ("lc", "ld, 'name', recursive=true, list_merge='prepend_rp'"), ("la", "lb, 'name', nope=1"),
    ("la", "lb, lc, 'name'"), ("[1]", "lb, 'name'"), ("la", "5, 'name'"))]
for f in ("keep_keys", "remove_keys"):
    g += [f"lk | {C}{f}({b})" for b in ("target=['k0_x0', 'k1_x1']", "target='k0_x0'", "'k0', matching_parameter='starts_with'", "target=['x0', 'x1'], "
          "matching_parameter='ends_with'", "target='^.*[01]_x.*$', matching_parameter='regex'", "target=['^k0'], matching_parameter='regex'",
          "target=['a', 'b'], matching_parameter='regex'", "target='[', matching_parameter='regex'", "target=[]", "target=''", "", "target=5", "target=[1]",
          "target='x', matching_parameter='nope'", "['k2_x2', 'k2_x2']")]
    g += [f"{d} | {C}{f}(target='a')" for d in ("[]", "5", "[1]", "[{1: 2}]", "'x'", "[{'a': 1}, {'b': 1}]")]
g += [f"lk | {C}replace_keys({b})" for b in (
    "target=[{'before': 'k0_x0', 'after': 'a0'}]", "target=[{'before': 'k0', 'after': 'a0'}, {'before': 'k1', 'after': 'a1'}], matching_parameter='starts_with'",
    "target=[{'before': 'x0', 'after': 'a0'}], matching_parameter='ends_with'", "target=[{'before': '^.*0_x.*$', 'after': 'a0'}], matching_parameter='regex'",
    "target=[]", "target=[{'before': 'x'}]", "target=5", "target=[1]", "target=[{'before': 1, 'after': 'x'}]", "target=[{'before': '[', 'after': 'x'}], matching_parameter='regex'",
    "target=[{'before': 'k', 'after': 'x'}], matching_parameter='starts_with'", "")]
g += [f"{v} | {C}{f}" for f in ("counter", "accumulate", "dict", "dict_kv('k')", "dict_kv(1)", "crc32", "version_sort") for v in (
    "'aab'", "['a', 'b', 'a']", "[1, 2, 1]", "[1.5, 1]", "[]", "5", "none", "[[1]]", "[[1, 2], ['a', 'b']]", "{'a': 1}", "'test'", "'ünï'", "''", "['1.10', '1.9', '1.2.3']",
    "['1.0', '1.0b1', '1.0a2']", "['b', 'a']", "[['a', 1], ['a', 2]]", "[1, 'a']", "[true, 1]")]
g += [f"['2.1', '2.10', '2.9'] | {C}version_sort{a}" for a in ("", "(true)", "(reverse=true)", "(reverse=false)")]
g += [f"{v} | {C}groupby_as_dict({a})" for v in ("la", "[{'name': 1}, {'name': 1}]", "[1]", "5", "'x'", "[]") for a in ("'name'", "'nope'", "'x'")]
TIMES = ["0", "1000 milliseconds", "1 second", "1h", "1h 30min", "1d -3h", "2 weeks", "1y", "1year 2months", "1mo", "90s", "1.5h", "", "x", "5", "1 h", "3 minutes 2s",
         "1msec", "1w3d", "10ms", "7days", "2hs", "1H"]
g += [f"'{t}' | {C}{f}" for t in TIMES for f in ("to_time_unit('h')", "to_seconds", "to_days")]
g += [f"'1y 1mo 1w 1d 1h 1m 1s 1ms' | {C}{f}" for f in (
    "to_time_unit", "to_time_unit('ms')", "to_time_unit('hours')", "to_time_unit('nope')", "to_time_unit('s')", "to_time_unit(unit='week')", "to_milliseconds",
    "to_seconds", "to_minutes", "to_hours", "to_days", "to_weeks", "to_months", "to_years")]
g += [f"'{v}' | {C}random_mac{a}" for v in ("52:54:00", "52", "52:54:00:11:22", "52:54:00:11:22:33", "x", "", "5:54", "AA:bb", "523:54") for a in
      ("(seed='x')", "('web1')", "(5)")] + [f"5 | {C}random_mac('x')", f"('52:54:00' | {C}random_mac) | length"]
CSVS = ["a,b\n1,2\n3,4\n", "a;b\n1;2", "a, b\n1, 2", "a,b\n\"x,y\",\"q\"\"z\"\n", "a,b\n1\n1,2,3\n\n4,5", "", "a,b", "a\tb\n1\t2", "a,b\n\"1\n2\",3", "a,b\r\n1,2\r\n", "\ufeffa,b\n1,2",
        "a,b\n\"x\"y,2", "a,b\n\"x"]
g += [f"c{i} | {C}from_csv{a}" for i in range(len(CSVS)) for a in
      ("", "(delimiter=';')", "(skipinitialspace=true)", "('excel-tab')", "('unix')", "(fieldnames=['x', 'y'])", "(strict=true)", "('nope')")]
INIS = ["[a]\nb = 1\nc: 2\n[d]\ne=\n", "[DEFAULT]\nx = 1\n[a]\ny = 2\n", "[a]\nk = v1\n  v2\n\n  v3\n# c\nz = 1", "k = 1", "[a]\n[a]\n", "[a]\nx=1\nx=2", "[a]\nno value", "", "[A]\nKey = V ; x\n; c",
        "[a]\nb = x=y:z\n", "[a]\nb -> 1\nc = 2\n", "[a b]c]\nk=1"]
g += [f"i{i} | {C}from_ini{a}" for i in range(len(INIS)) for a in ("", "(delimiters=['='])", "(delimiters=['->', ':'])")]
g += [f"i0 | {C}from_ini(delimiters={d})" for d in ("'='", "[1]", "5")] + [f"5 | {C}from_ini"]
g += [f"{d} | {C}to_ini{a}" for d in ("{'a': {'b': 1, 'c': 'x'}, 'd': {'e': true, 'f': none}}", "{'DEFAULT': {'x': 1}, 'a': {'y': 'l1\\nl2'}}", "{}", "{'a': 1}", "{'a': {}}", "5",
      "{'a': {'l': [1, 2]}}", "{1: {2: 3}}") for a in ("", "(no_extra_spaces=true)", "(no_extra_spaces=false)", "(no_extra_spaces='x')")]
GROUPS["c_general"] = g
GV = {"la": [{"name": "b", "x": 1}, {"name": "a", "x": 2}], "lb": [{"name": "a", "y": 1}, {"name": "c", "y": 2}],
      "lc": [{"name": "a", "p": {"q": [1, 2], "r": 1}, "l": [1]}], "ld": [{"name": "a", "p": {"q": [2, 3], "s": 2}, "l": [1, 2]}],
      "lk": [{"k0_x0": "A0", "k1_x1": "B0", "k2_x2": [1], "k3_x3": "foo"}, {"k0_x0": "A1", "k1_x1": "B1"}],
      **{f"c{i}": t for i, t in enumerate(CSVS)}, **{f"i{i}": t for i, t in enumerate(INIS)}}

L = "lookup('community.general."
g = [f"query('community.general.flattened', {a})" for a in ("[1, 2, 3, [5, 6]], ['a', 'b', 'c'], [[5, 6, 1, 3], [34, 'a', 'b', 'c']]", "[]", "1", "'a'", "' a '", "['a', ['b', [['c']]]]",
     "[[[[1]]]]", "['x', 'None', 'y'], 'z'", "['null', 'y'], 'z'", "{'a': 1}", "[{'a': [1, 2]}, [3]]", "[none, 1]", "''", "[['a', ''], []]")]
g += [f"query('community.general.cartesian', {a})" for a in ("[1, 2], ['a', 'b']", "[1, 2]", "[1], [2, 3], [4, 5]", "[], [1]", "'ab', [1]", "[[1, 2], [3]], [4]", "1, 2")]
g += ["query('community.general.cartesian')", "lookup('community.general.cartesian', [1], [2])", "lookup('community.general.flattened', ['a', ['b']])"]
g += [f"{L}random_string'{a})" for a in (
    ", seed='x'", ", seed=12345", ", seed='x', length=20", ", seed='x', upper=false", ", seed='x', lower=false, numbers=false, special=false", ", seed='x', min_lower=1, min_upper=1, min_special=1, min_numeric=1",
    ", seed='x', base64=true", ", seed='x', override_all='ab'", ", seed='x', override_special='-_', min_special=2, length=6", ", seed='x', ignore_similar_chars=true, length=30",
    ", seed='x', similar_chars='abc', ignore_similar_chars=true, length=30", ", seed='x', upper=false, lower=false, numbers=false, special=false", ", seed='x', length=0", ", 'term'",
    ", seed='x', length='y'", ", seed='x', length=2, min_numeric=4")]
g += [f"({L}random_string'{a}) | length" for a in ("", ", length=12", ", length=5, special=false", ", base64=true")]
g += [f"({L}random_string', length=64, {a})) is match('{r}')" for a, r in (("upper=false, special=false, numbers=false", "^[a-z]+$"), ("override_all='xy'", "^[xy]+$"))]
GROUPS["c_lookups"] = g

# -- merged variables --------------------------------------------------------------------------------------------------
M = "lookup('community.general.merge_variables', "
g = [f"{M}{a})" for a in (
    "'__d$'", "'__d', pattern_type='suffix'", "'a__', pattern_type='prefix'", "'__l$'", "'__l', pattern_type='suffix', initial_value=['x']", "'^nosuch$'", "'^nosuch$', initial_value={'a': 1}",
    "'__[dl]$'", "'__d$', initial_value=[1]", "'__d$', initial_value={'p': [0], 'z': 1}", "'__d$', initial_value=5", "'__o$'", "'__o$', override='ignore'", "'__o$', override='warn'",
    "'__o$', override='nope'", "'__s$'", "'['", "'__d$', '__l$'", "'__d$', pattern_type='nope'", "5", "'__t$', override='ignore'", "'__t$', override='ignore', type_conflict_merge='keep'",
    "'__t$'", "'__o$', override='ignore', default_merge='keep'", "'__n$'")]
g += [f"{M}'__{v}$', override='ignore', dict_merge='{d}', list_merge='{l}')" for v in ("d", "m", "l") for d in ("deep", "shallow", "replace", "keep") for l in
      ("replace", "keep", "append", "prepend", "merge")]
g += [f"{M}'__{v}$', override='ignore', list_transformations={t})" for v in ("l", "m") for t in (
    "['dedup']", "['flatten']", "['flatten', 'dedup']", "[{'name': 'dedup'}]", "[{'name': 'dedup', 'options': {'keep': 'last'}}]", "[{'name': 'dedup', 'options': {'keep': 'x'}}]", "['nope']",
    "[5]", "[]")]
g += [f"{M}'__m$', dict_merge='nope')", f"{M}'__m$', list_merge='nope')", f"{M}'__m$', default_merge='nope')", f"{M}'__m$', type_conflict_merge='nope')"]
g += [f"query('community.general.merge_variables', '__l$', '__d$')", f"query('community.general.merge_variables', '__l$', '__l$', initial_value=[])"]
GROUPS["c_merge"] = g
MV = {"a__d": {"p": [1], "q": "w", "n": {"x": 1}}, "b__d": {"p": [3], "r": 1, "n": {"y": 2}}, "w": 5, "a__l": [1, 2, [2, 3]], "b__l": [2, [3, "a"]], "a__s": "text",
      "a__o": {"k": 1, "m": {"z": 1}}, "b__o": {"k": 2, "m": {"z": 3}}, "a__m": {"a": {"l": [1, {"i": 1}, 1], "t": 1}, "b": [1, 1, 2]}, "b__m": {"a": {"l": [2, {"j": 2}], "u": 2}, "b": [1, 3, 3, 4]},
      "a__t": {"k": [1], "b": True, "f": 1}, "b__t": {"k": "x", "b": 1, "f": 1.0}, "a__n": {"k": None}, "b__n": {"k": None}}

K = "community.crypto."

# -- keys and certificates; the order of digests is by chance there ------------------------------------------------------
F = lambda name: f"lookup('file', 'tls/{name}', rstrip=false)"  # noqa: E731
NOT = "| dict2items | rejectattr('key', 'in', ['fingerprints', 'public_key_fingerprints']) | items2dict"
g = [f"{F(n)} | {K}x509_certificate_info {NOT}" for n in ("full.pem", "ecc.pem", "ed.pem", "old.pem")]
g += [f"({F('full.pem')} | {K}x509_certificate_info).{k} | dictsort" for k in ("fingerprints", "public_key_fingerprints")]
g += [f"{F(n)} | {K}openssl_csr_info {NOT}" for n in ("full.csr", "small.csr")]
g += [f"({F('small.csr')} | {K}openssl_csr_info).public_key_fingerprints | dictsort"]
for n in ("rsa", "rsa-trad", "rsa-enc", "ec", "ec384", "ed", "x25519", "dsa"):
    g += [f"{F(n + '.key')} | {K}openssl_privatekey_info{a} {NOT}" for a in ("", "(passphrase='secret')", "(none, true)", "('secret', return_private_key_data=true)", "('wrong')")]
g += [f"{F(n + '.pub')} | {K}openssl_publickey_info {NOT}" for n in ("rsa", "rsa-pkcs1", "ec", "ec384", "ed", "x25519", "dsa")]
g += [f"({F('ec.pub')} | {K}openssl_publickey_info).fingerprints | dictsort", f"{F('ec.pub')} | {K}openssl_publickey_info | length"]
g += [f"{F(n)} | {K}x509_crl_info{a}" for n in ("crl.pem", "crl.b64") for a in ("", "(list_revoked_certificates=false)", "(name_encoding='ignore')", "(name_encoding='nope')")]
for f in ("x509_certificate_info", "openssl_csr_info", "openssl_privatekey_info", "openssl_publickey_info", "x509_crl_info"):
    g += [f"{v} | {K}{f}" for v in ("5", "''", "'x'", "none", "[]", F("broken.pem"), "'-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'")]
    g += [f"{F('full.pem')} | {K}{f}(nope=1)"]
g += [f"{F('rsa.key')} | {K}openssl_publickey_info", f"{F('full.pem')} | {K}openssl_publickey_info", f"{F('rsa.pub')} | {K}openssl_privatekey_info", f"{F('full.csr')} | {K}x509_certificate_info",
      f"{F('rsa.key')} | {K}openssl_privatekey_info(5)", f"{F('rsa.key')} | {K}openssl_privatekey_info(none, 'yes')", f"{F('full.pem')} | {K}x509_certificate_info(name_encoding=5)",
      f"('text in front\n' ~ {F('ecc.pem')} ~ {F('full.pem')}) | {K}x509_certificate_info {NOT}", f"{F('crl.pem')} | {K}x509_crl_info(list_revoked_certificates='no')"]
GROUPS["c_crypto"] = g

# -- nested data, serial numbers ---------------------------------------------------------------------------------------
U = "ansible.utils."
g = [f"tree | {U}get_path({p})" for p in ("'a.b.c.d[0]'", "'a.b.c.d[1]'", "'a.b'", "'a'", "\"a['b']['c']\"", "'a.b.c.e[1]'", "'a.nope'", "'nope'", "'nope.x'", "'a.b.c.d[9]'",
     "'a[\"x.y\"]'", "'n'", "'t'", "'f'", "'none'", "'a.b.c.d', wantlist=true", "' a.b '", "'s'", "'l[0].k'", "'l[-1].k'", "path='a.b.c.d[1]'", "''")]
g += [f"{v} | {U}get_path('a')" for v in ("[1]", "5", "'x'", "{}")]
g += [f"{v} | {U}to_paths{a}" for v in ("tree", "{}", "[]", "5", "'x'", "[1, [2, {'a': 3}]]", "{'a': {}, 'b': []}", "{'x y': {'1a': 1, 'é': 2, '': 3}}", "[[], {}]") for a in
      ("", "(prepend='p')", "(wantlist=true)", "('p', true)")]
g += [f"{d} | {U}index_of({a})" for d, a in (
    ("[1, 2, 3]", "'eq', 2"), ("[1, 2, 3]", "'gt', 1"), ("[1, 2, 3]", "'eq', 9"), ("[1, 2, 3]", "'!=', 2"), ("[1, 2, 3]", "'!=', 2, wantlist=true"), ("[1, 2, 3]", "'odd'"), ("[1, 2, 3]", "'!odd'"),
    ("[1, 2, 3]", "'not odd'"), ("[1, 2, 3]", "'in', 2"), ("[1, 2, 3]", "'in', [1, 3]"), ("[1, 2, 3]", "'not in', [1, 3]"), ("['a', 'b']", "'nosuch', 1"), ("['ab', 'b']", "'match', '^a'"),
    ("['ab', 'b']", "'regex', 'b$'"), ("users", "'eq', 'al', 'name'"), ("users", "'eq', 3, 'age', wantlist=true"), ("users", "'eq', 3, key='age'"), ("users", "'eq', 3, 'nope'"),
    ("users", "'eq', 3, 'nope', fail_on_missing=true"), ("users + [1]", "'eq', 3, 'age'"), ("users", "'defined', none, 'age'"), ("[]", "'eq', 1"), ("[1]", "'eq', 1, wantlist=true"),
    ("[1, none]", "'none'"), ("[true, 1]", "'eq', 1"), ("['1.0', '2.0']", "'version', '1.5'"))]
g += [f"{b} | {U}param_list_compare({t})" for b in ("['c', 'a', 'b']", "[]") for t in ("['all']", "['all', '!a']", "['a', 'x']", "['!a']", "[]", "['all', 'a', '!x', 'y']", "['b', 'b']", "['all', '!a', 'a']")]
for f in ("keep_keys", "remove_keys"):
    g += [f"deep | {U}{f}({t})" for t in ("['ip']", "['ip', 'name']", "['n'], 'starts_with'", "target=['e'], matching_parameter='ends_with'", "['^.a'], 'regex'", "['nope']", "[]", "['meta']")]
    g += [f"{v} | {U}{f}(['a'])" for v in ("[]", "{}", "5", "'x'", "[1, 'a', none]", "{'a': none}", "[{'a': 1}, {'b': 0}, [], [[]], '']", "{'x': {'a': {}}, 'y': [{'a': 0}, 0, '']}", "[[{'b': [{'a': 1}]}]]")]
g += [f"deep | {U}replace_keys({t})" for t in ("[{'before': 'ip', 'after': 'addr'}]", "[{'before': 'n', 'after': 'x'}], 'starts_with'", "[{'before': 'e', 'after': 'z'}], 'ends_with'",
      "[{'before': '^.a', 'after': 'r'}], 'regex'", "[{'before': 'ip', 'after': 'name'}]", "[{'before': 'ip', 'after': 'q'}, {'before': 'q', 'after': 'w'}]", "[]")]
g += [f"{v} | {U}replace_keys([{{'before': 'a', 'after': 'b'}}])" for v in ("{'a': 1, 'b': 2, 'c': 3}", "{'b': 2, 'a': {'a': 1}}", "[[{'a': 1}]]", "5", "'x'")]
g += [f"{v} | {K}parse_serial" for v in ("'11:22:33'", "'0'", "'ff'", "'FF:00'", "'100'", "''", "'1:'", "':1'", "'g'", "'-1'", "'-0'", "' 1 : 2'", "'0x1f:1'", "'1_0'", "'+5'", "5", "'00:00:01'",
      "'01:02:03:04:05:06:07:08'", "'1__0'", "'_1'")]
g += [f"{v} | {K}to_serial" for v in ("0", "1", "255", "256", "1234567", "-1", "'5'", "1.5", "(10**20)", "true", "(2**64)", "none")]
g += [f"pem | {K}split_pem", f"'' | {K}split_pem", f"'x' | {K}split_pem", f"5 | {K}split_pem", f"(pem ~ pem) | {K}split_pem | length", f"'-----BEGIN A-----\n-----BEGIN B-----\nx\n-----END B-----' | {K}split_pem"]
g += [f"{v} | from_json" for v in ("'123456789012345678901'", "'[-99999999999999999999, 9223372036854775807, 9223372036854775808, -9223372036854775808, -9223372036854775809]'",
      "'{\"a\": {\"b\": [18446744073709551616, \"18446744073709551616\", 1.5e3]}}'", "'[00000000000000000001]'", "'[123456789012345678901'", "'[123456789012345678901.5]'", "'[\"\\\\\\\"99999999999999999999\"]'")]
g += ["('123456789012345678901' | from_json) + 1", "'[123456789012345678901]' | from_json | to_json", "('99999999999999999999' | from_json) > 5", "'[99999999999999999999, 1]' | from_json | sort"]
GROUPS["c_nested"] = g
NV = {"tree": {"a": {"b": {"c": {"d": [0, 1], "e": [True, False]}}, "x.y": 5}, "n": 7, "t": True, "f": 1.5, "none": None, "s": "[1, 2]", "l": [{"k": "v"}, {"k": "w"}]},
      "users": [{"name": "bob", "age": 3}, {"name": "al", "age": 7}, {"name": "Cy", "age": 3}],
      "deep": {"hosts": [{"name": "a", "ip": "10.0.0.1", "nested": {"ip": "x", "rate": 1}}, {"name": "b", "meta": {"type": "", "ip": None}}], "meta": [], "name": "top", "empty": {}},
      "pem": "# c\n-----BEGIN CERTIFICATE-----\nMIIB\n\nAAAA\n-----END CERTIFICATE-----\ntext\r\n-----BEGIN KEY-----\r\nx\r\n-----END KEY-----\r\n"}


def main():
    total = 0
    for name, cases in GROUPS.items():
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            cases = [re.sub(r"\| (" + UTILS + ")\\b", r"| ansible.utils.\1", c) for c in cases]
            total += base.write(name, list(dict.fromkeys(cases)), VARS.get(name, {}))
    print(total, "cases")


VARS = {"c_merge": MV, "c_json_query": JM, "c_general": GV, "c_nested": NV}
OTHER_FAMILY = ("error", "an IPv6 address is in no IPv4 network")
base.ACCEPT.update({f"'{n}' | ansible.utils.ipsubnet('{o}')": OTHER_FAMILY for n in ("::1", "::ffff:10.1.2.3/120")
                    for o in ("10.0.0.0/8", "192.168.0.0/16")})
# Short names that ansible-core redirects to ansible.netcommon, whose later releases have them no more.
UTILS = "ipwrap|ipsubnet|ipmath|nthhost|n\\w+_nth_usable|previous_nth_usable|network_in_\\w+|reduce_on_network|slaac|hwaddr|macaddr|" \
        "cidr_merge|ip4_hex"

if __name__ == "__main__":
    main()
