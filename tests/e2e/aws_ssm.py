#!/usr/bin/python3
"""The lookups of AWS's parameter store against a server of ours, which checks every signature as AWS says it is made.

Usage: aws_ssm.py BIN_DIR            compares with aws_ssm.json
       aws_ssm.py --record           writes the expected side of aws_ssm.json with ansible-playbook and the collection
                                     amazon.aws (and boto3), found as Ansible finds them
"""
import hashlib
import hmac
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "aws_ssm.json")
STORE = {"plain": "text", "/app/db/password": "s3cret", "/app/db/user": "u", "/app/deep/er/key": "k", "empty": " ", "/ünï/x": "ö"}
wrong = []


def signature(secret, headers, path, body, auth):
    """AWS's Signature Version 4, as its documentation describes it."""
    parts = dict(p.strip().split("=", 1) for p in auth.split(" ", 1)[1].split(","))
    key, date, region, service, end = parts["Credential"].split("/")
    names = parts["SignedHeaders"].split(";")
    canonical = "POST\n%s\n\n%s\n%s\n%s" % (path, "".join("%s:%s\n" % (n, " ".join(headers[n].split())) for n in names),
                                            ";".join(names), hashlib.sha256(body).hexdigest())
    text = "AWS4-HMAC-SHA256\n%s\n%s/%s/%s/%s\n%s" % (headers["x-amz-date"], date, region, service, end,
                                                      hashlib.sha256(canonical.encode()).hexdigest())
    k = ("AWS4" + secret).encode()
    for word in (date, region, service, end):
        k = hmac.new(k, word.encode(), hashlib.sha256).digest()
    return key, region, service, hmac.new(k, text.encode(), hashlib.sha256).hexdigest() == parts["Signature"]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {k.lower(): v for k, v in self.headers.items()}
        key, region, service, good = signature(SECRET, headers, self.path, body, headers["authorization"])
        if not (good and key == KEY and region == "eu-west-1" and service == "ssm"):
            wrong.append(headers["authorization"])
            return self.answer(400, {"__type": "InvalidSignatureException", "message": "The signature is wrong"})
        if "x-amz-security-token" in headers and headers["x-amz-security-token"] != "the token":
            return self.answer(400, {"__type": "UnrecognizedClientException", "message": "The token is wrong"})
        request = json.loads(body)
        if headers["x-amz-target"] == "AmazonSSM.GetParameter":
            return self.one(request["Name"], request["WithDecryption"])
        return self.below(request)

    def one(self, name, decrypt):
        if name == "denied":
            return self.answer(400, {"__type": "AccessDeniedException", "Message": "not for you"})
        if name == "broken":
            return self.answer(400, {"__type": "ValidationException", "message": "no such thing can be"})
        if name not in STORE:
            return self.answer(400, {"__type": "com.amazonaws.ssm#ParameterNotFound"})
        return self.answer(200, {"Parameter": {"Name": name, "Type": "SecureString", "Value": STORE[name] if decrypt else "sealed"}})

    def below(self, request):
        path = request["Path"].rstrip("/") + "/"
        names = [n for n in sorted(STORE) if n.startswith(path) and (request["Recursive"] or "/" not in n[len(path):])]
        at = int(request.get("NextToken", "0"))
        reply = {"Parameters": [{"Name": n, "Value": STORE[n]} for n in names[at : at + 2]]}
        if at + 2 < len(names):
            reply["NextToken"] = str(at + 2)
        return self.answer(200, reply)

    def answer(self, status, reply):
        body = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def environment(home, keys=True):
    env = {"HOME": home, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_NOCOLOR": "1"}
    if "ANSIBLE_COLLECTIONS_PATH" in os.environ:
        env["ANSIBLE_COLLECTIONS_PATH"] = os.environ["ANSIBLE_COLLECTIONS_PATH"]
    if keys:
        env.update(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, AWS_REGION="eu-west-1")
    return env


def project(home, cases, port):
    """A play that stores each case's result, or the error's text, as one JSON list."""
    os.makedirs(home + "/.aws", exist_ok=True)
    with open(home + "/.aws/credentials", "w") as f:
        f.write("[default]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = other\n[work]\naws_access_key_id=%s\naws_secret_access_key=%s\n" % (KEY, SECRET))
    with open(home + "/.aws/config", "w") as f:
        f.write("[default]\nregion = us-east-1\n[profile work]\nregion = eu-west-1\n")
    url = "http://127.0.0.1:%d" % port
    tasks = []
    for i, case in enumerate(cases):
        tasks.append({"name": "case %d" % i, "set_fact": {"r%d" % i: "{{ %s }}" % case["expr"].replace("@URL@", url)},
                      "register": "o%d" % i, "ignore_errors": True})
    out = "{{ [%s] | to_json }}" % ", ".join(
        "{'value': r%d} if o%d is not failed else {'error': o%d.msg}" % (i, i, i) for i in range(len(cases)))
    tasks.append({"copy": {"content": out, "dest": home + "/results.json"}})
    with open(home + "/book.yml", "w") as f:
        json.dump([{"hosts": "localhost", "gather_facts": False, "connection": "local", "tasks": tasks}], f)


def results(command, home, cases, port):
    project(home, cases, port)
    r = subprocess.run(command + [home + "/book.yml"], cwd=home, env=environment(home), capture_output=True, text=True, timeout=300)
    try:
        with open(home + "/results.json") as f:
            return json.load(f), r.stdout + r.stderr
    except FileNotFoundError:
        sys.exit("no results:\n%s%s" % (r.stdout[-3000:], r.stderr[-3000:]))


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    with open(CASES) as f:
        cases = json.load(f)
    with tempfile.TemporaryDirectory() as home:
        if sys.argv[1] == "--record":
            found, _ = results(["ansible-playbook"], home, cases, port)
            for case, result in zip(cases, found):
                case.pop("value", None), case.pop("error", None)
                if not case.get("why", "").startswith("an option of"):
                    case.update(result)
            with open(CASES, "w") as f:
                f.write("[\n" + ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases) + "\n]\n")
            return
        found, text = results([os.path.abspath(sys.argv[1]) + "/play", "run"], home, cases, port)
    bad = 0
    for case, result in zip(cases, found):
        want = case.get("ours", {k: case[k] for k in ("value", "error") if k in case})
        if "error" in want and "error" in result and want["error"].split(": ")[-1] in result["error"]:
            continue
        if want != result:
            bad += 1
            print("%s\n  expected %r\n  found    %r" % (case["expr"], want, result))
    if wrong:
        print("signatures that AWS would refuse: %r" % wrong[:3])
    if SECRET in text:
        print("the secret key is shown")
    sys.exit(1 if bad or wrong or SECRET in text else 0)


main()
