#!/usr/bin/env python3
"""An HTTP(S) server for the cases of uri, get_url and wait_for.

    server.py DIR      listens until its standard input or DIR/stop says so; writes DIR/ports with the lines
                       "http PORT", "https PORT", "other PORT" (a certificate for another name), "mutual PORT" (wants
                       the certificate of DIR/me.crt and DIR/me.key, both also in DIR/me.pem), DIR/ca.pem, DIR/sock
"""
import base64
import gzip
import hashlib
import http.server
import json
import os
import select
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time

D = sys.argv[1]
FILE = b"the content\n"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *a):
        pass

    def send(self, code, body=b"", headers=(), kind="text/plain"):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for k, v in headers:
            self.send_header(k, v)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def echo(self):
        n = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(n).decode("latin-1")
        heads = {k.lower(): v for k, v in self.headers.items()}
        out = json.dumps({"method": self.command, "path": self.path, "body": body, "headers": heads})
        self.send(200, out.encode(), [("X-Custom-Head", "yes")], "application/json")

    def basic(self):
        want = "Basic " + base64.b64encode(b"user:secret").decode()
        if self.headers.get("Authorization") == want:
            return self.send(200, b"welcome")
        self.send(401, b"who are you", [("WWW-Authenticate", 'Basic realm="x"')])

    def digest(self):
        auth = self.headers.get("Authorization") or ""
        if auth.startswith("Digest "):
            f = dict(x.strip().split("=", 1) for x in auth[7:].split(","))
            f = {k: v.strip('"') for k, v in f.items()}
            h = lambda s: hashlib.md5(s.encode()).hexdigest()
            ha1 = h("user:x:secret")
            ha2 = h(self.command + ":" + f["uri"])
            if f["response"] == h(":".join([ha1, f["nonce"], f["nc"], f["cnonce"], f["qop"], ha2])):
                return self.send(200, b"welcome")
        self.send(401, b"no", [("WWW-Authenticate", 'Digest realm="x", nonce="abc", qop="auth", algorithm=MD5')])

    def handle_any(self):
        path = self.path.split("?")[0]
        base = "http://127.0.0.1:%d" % PORTS["http"]
        if path == "/echo":
            return self.echo()
        if path.startswith("/status/"):
            return self.send(int(path.split("/")[2]), b'{"why": "asked"}', kind="application/json")
        if path.startswith("/redirect/"):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return self.send(int(path.split("/")[2]), b"moved", [("Location", "/echo")])
        if path == "/tobasic":
            return self.send(301, b"", [("Location", "/basic")])
        if path == "/loop":
            return self.send(302, b"", [("Location", "/loop")])
        if path == "/downgrade":
            return self.send(302, b"", [("Location", base + "/echo")])
        if path == "/otherhost":
            return self.send(302, b"", [("Location", "http://localhost:%d/echo" % PORTS["http"])])
        if path == "/basic":
            return self.basic()
        if path == "/digest":
            return self.digest()
        if path in ("/gzip", "/gzip.json"):
            kind = "application/json" if path.endswith("json") else "text/plain"
            return self.send(200, gzip.compress(b'{"packed": true}\n', mtime=0), [("Content-Encoding", "gzip")], kind)
        if path == "/badgzip":
            return self.send(200, b"this is not compressed", [("Content-Encoding", "gzip")])
        if path == "/cookies":
            return self.send(200, b"x", [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", 'b="two words"; Secure')])
        if path == "/badjson":
            return self.send(200, b"{not json", kind="application/json")
        if path == "/latin":
            return self.send(200, "caf\u00e9".encode("latin-1"), kind="text/plain; charset=iso-8859-1")
        if path == "/slow":
            time.sleep(3)
            return self.send(200, b"late")
        if path == "/endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                pass
            return None
        if path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"short")
            self.close_connection = True
            return None
        if path in ("/file.txt", "/dir/file.txt", "/dir/a%20na%6de/", "/dir/%2e%2e", "/"):
            since = self.headers.get("If-Modified-Since")
            if since:
                return self.send(304)
            return self.send(200, FILE, [("Last-Modified", "Sat, 01 Jan 2022 00:00:00 GMT")])
        if path == "/always":
            return self.send(200, FILE, [("Last-Modified", "Sat, 01 Jan 2022 00:00:00 GMT")])
        if path.startswith("/own/"):
            with open(os.path.join(D, os.path.basename(path)), "rb") as f:
                return self.send(200, f.read())
        if path == "/named":
            return self.send(200, FILE, [("Content-Disposition", 'attachment; filename="na me.txt"')])
        if path == "/evil":
            return self.send(200, FILE, [("Content-Disposition", 'attachment; filename="../../evil.txt"')])
        if path == "/sums":
            good = hashlib.sha256(FILE).hexdigest()
            return self.send(200, ("%s  other.txt\n%s *./file.txt\n" % ("0" * 64, good)).encode())
        if path == "/api/1.0/~owner/+archive/tools":  # what Launchpad says of ppa:owner/tools
            return self.send(200, json.dumps({"signing_key_fingerprint": "0123456789ABCDEF" * 2 + "01234567"}).encode())
        if path.startswith("/api/1.0/~owner/+archive/"):
            return self.send(200, b"[]" if path.endswith("list") else b'{"signing_key_fingerprint": "--help"}')
        if path == "/onesum":
            return self.send(200, hashlib.sha256(FILE).hexdigest().encode() + b"\n")
        return self.send(404, b"nothing here")

    def do_CONNECT(self):
        """As a proxy: whatever host is asked for, this server's own TLS port answers."""
        with socket.create_connection(("127.0.0.1", PORTS["https"])) as far:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: far, far: self.connection}
            while True:
                for s in select.select(list(ends), [], [])[0]:
                    data = s.recv(65536)
                    if not data:
                        self.close_connection = True
                        return
                    ends[s].sendall(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = handle_any


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


class UnixHandler(Handler):
    def address_string(self):
        return "unix"


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def certificate(name, alt, client_too=False):
    key, csr, crt = (os.path.join(D, name + x) for x in (".key", ".csr", ".crt"))
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", csr, "-subj", "/CN=" + name)
    with open(os.path.join(D, "ext"), "w") as f:
        f.write("subjectAltName=" + alt)
    openssl("x509", "-req", "-in", csr, "-CA", os.path.join(D, "ca.pem"), "-CAkey", os.path.join(D, "ca.key"),
            "-CAcreateserial", "-out", crt, "-days", "2", "-extfile", os.path.join(D, "ext"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    if client_too:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(os.path.join(D, "ca.pem"))
    return context


PORTS = {}


def serve(name, context=None):
    port = int(os.environ.get("PLAY_TEST_PORT_" + name.upper(), "0"))
    s = Server(("127.0.0.1", port), Handler)
    if context:
        s.socket = context.wrap_socket(s.socket, server_side=True, do_handshake_on_connect=False)
    PORTS[name] = s.server_address[1]
    threading.Thread(target=s.serve_forever, daemon=True).start()


def main():
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", os.path.join(D, "ca.key"), "-out",
            os.path.join(D, "ca.pem"), "-days", "2", "-subj", "/CN=test CA")
    serve("http")
    serve("https", certificate("good", "IP:127.0.0.1,DNS:localhost"))
    serve("other", certificate("bad", "DNS:other.example"))
    certificate("me", "DNS:me.example")
    with open(os.path.join(D, "me.pem"), "w") as f:
        f.writelines(open(os.path.join(D, "me" + x)).read() for x in (".crt", ".key"))
    serve("mutual", certificate("both", "IP:127.0.0.1", client_too=True))
    u = UnixServer(os.path.join(D, "sock"), UnixHandler)
    threading.Thread(target=u.serve_forever, daemon=True).start()
    with open(os.path.join(D, "ports.tmp"), "w") as f:
        f.writelines("%s %d\n" % x for x in PORTS.items())
    os.rename(os.path.join(D, "ports.tmp"), os.path.join(D, "ports"))
    end = time.time() + 600
    while time.time() < end and not os.path.exists(os.path.join(D, "stop")):
        time.sleep(0.2)


main()
