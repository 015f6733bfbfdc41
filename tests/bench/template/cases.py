"""Templates and contexts of the measurement."""
import re


def regex_replace(value="", pattern="", replacement="", ignorecase=False, multiline=False):
    """As Ansible's filter: the expression is compiled through re's cache."""
    flags = (re.I if ignorecase else 0) | (re.M if multiline else 0)
    return re.compile(pattern, flags=flags).sub(replacement, value)


def nginx():
    """A configuration of about 200 lines with the usual mixture: defaults, loops, conditions, filters."""
    text = """# {{ managed | default('managed') }}
user {{ nginx_user }};
worker_processes {{ nginx_workers | default('auto') }};
pid /run/nginx.pid;
{% if nginx_modules is defined and nginx_modules %}
{% for m in nginx_modules %}
load_module modules/{{ m }}.so;
{% endfor %}
{% endif %}

events {
    worker_connections {{ nginx_connections | default(1024) }};
    multi_accept {{ 'on' if nginx_multi_accept else 'off' }};
}

http {
    sendfile on;
    tcp_nopush on;
    keepalive_timeout {{ nginx_keepalive }};
    client_max_body_size {{ nginx_body_size }};
    server_tokens {{ "on" if nginx_tokens else "off" }};
    log_format main '{{ nginx_log_format | replace("\\n", " ") | trim }}';
    access_log {{ nginx_log_dir }}/access.log main;
    error_log {{ nginx_log_dir }}/error.log {{ nginx_log_level | lower }};
{% if nginx_gzip.enabled %}
    gzip on;
    gzip_comp_level {{ nginx_gzip.level }};
    gzip_types {{ nginx_gzip.types | join(' ') }};
{% endif %}
{% for u in upstreams %}

    upstream {{ u.name }} {
{% if u.strategy is defined %}
        {{ u.strategy }};
{% endif %}
{% for s in u.servers %}
        server {{ s.host }}:{{ s.port | default(80) }} weight={{ s.weight | default(1) }}{% if s.backup | default(false) %} backup{% endif %};
{% endfor %}
        keepalive {{ u.keepalive | default(16) }};
    }
{% endfor %}
{% for h in vhosts %}

    server {
        listen {{ h.listen | default(80) }}{% if h.tls %} ssl http2{% endif %};
        server_name {{ h.names | join(' ') }};
        root {{ h.root | default('/var/www/' ~ h.names[0]) }};
{% if h.tls %}
        ssl_certificate {{ h.tls.cert }};
        ssl_certificate_key {{ h.tls.key }};
        ssl_protocols {{ h.tls.protocols | default(['TLSv1.2', 'TLSv1.3']) | join(' ') }};
{% endif %}
{% for l in h.locations %}
        location {{ l.path }} {
{% if l.proxy is defined %}
            proxy_pass http://{{ l.proxy }};
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
{% elif l.alias is defined %}
            alias {{ l.alias }};
{% else %}
            try_files $uri $uri/ =404;
{% endif %}
        }{% if not loop.last %}

{% endif %}

{% endfor %}
    }
{% endfor %}
}
"""
    vhosts = [
        {"names": ["site%d.example.org" % i, "www.site%d.example.org" % i],
         "tls": {"cert": "/etc/ssl/%d.pem" % i, "key": "/etc/ssl/%d.key" % i} if i % 2 else None,
         "locations": [{"path": "/", "proxy": "backend%d" % (i % 3)}, {"path": "/static/", "alias": "/srv/static"},
                       {"path": "/other/"}]}
        for i in range(6)]
    upstreams = [
        {"name": "backend%d" % i, "strategy": "least_conn",
         "servers": [{"host": "10.0.%d.%d" % (i, k), "port": 8080 + k, "weight": k, "backup": k == 3} for k in range(4)]}
        for i in range(3)]
    return {
        "id": "nginx", "template": text, "env": {"trim_blocks": True},
        "vars": {"nginx_user": "www-data", "nginx_modules": ["ngx_a", "ngx_b"], "nginx_multi_accept": True,
                 "nginx_keepalive": 65, "nginx_body_size": "10m", "nginx_tokens": False,
                 "nginx_log_format": "$remote_addr - $remote_user\n[$time_local] ", "nginx_log_dir": "/var/log/nginx",
                 "nginx_log_level": "WARN", "nginx_gzip": {"enabled": True, "level": 5, "types": ["text/css", "text/xml"]},
                 "upstreams": upstreams, "vhosts": vhosts}}


def nested(depth):
    value = {"leaf": "x"}
    for _ in range(depth):
        value = {"next": value}
    return value


CASES = [
    {"id": "one var", "template": "{{ var }}", "vars": {"var": "value"}},
    nginx(),
    {"id": "loop", "template": "{% for i in items %}{{ i.name }}={{ i.value }}{% if not loop.last %},{% endif %}{% endfor %}",
     "vars": {"items": [{"name": "n%d" % i, "value": i} for i in range(10000)]}},
    {"id": "deep", "template": "{% for i in range(100) %}{{ d" + ".next" * 20 + ".leaf }}{{ d" + "['next']" * 20
     + "['leaf'] }}{% endfor %}", "vars": {"d": nested(20)}},
    {"id": "regex", "template": "{% for s in lines %}{{ s | regex_replace('^(\\\\w+)-(\\\\d+)$', '\\\\2:\\\\1') }}\n{% endfor %}",
     "vars": {"lines": ["host%d-%d" % (i % 7, i) for i in range(1000)]}},
]
