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
GROUPS["c_ipaddr"] = [x for x in g if not (("::" in x or ":" in x.split("|")[0]) and
                                           any(f"'{q}'" in x for q in ("size", "size_usable", "int")))]

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


def main():
    total = 0
    for name, cases in GROUPS.items():
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            cases = [re.sub(r"\| (" + UTILS + ")\\b", r"| ansible.utils.\1", c) for c in cases]
            total += base.write(name, list(dict.fromkeys(cases)), VARS.get(name, {}))
    print(total, "cases")


VARS = {}
OTHER_FAMILY = ("error", "an IPv6 address is in no IPv4 network")
base.ACCEPT.update({f"'{n}' | ansible.utils.ipsubnet('{o}')": OTHER_FAMILY for n in ("::1", "::ffff:10.1.2.3/120")
                    for o in ("10.0.0.0/8", "192.168.0.0/16")})
# Short names that ansible-core redirects to ansible.netcommon, whose later releases have them no more.
UTILS = "ipwrap|ipsubnet|ipmath|nthhost|n\\w+_nth_usable|previous_nth_usable|network_in_\\w+|reduce_on_network|slaac|hwaddr|macaddr|" \
        "cidr_merge|ip4_hex"

if __name__ == "__main__":
    main()
