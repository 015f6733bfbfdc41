#!/bin/bash
# with_engine.sh RUN_CASES PLAY_REMOTE DIR...: the cases of these directories against a Docker engine of its own, in a
# network and mount namespace, without a registry: images are imported. Ends with 77 where that cannot be.
set -euo pipefail
run_cases=$1 remote=$2
shift 2
skip() {
    echo "skipped: $*"
    exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root"
for program in dockerd docker unshare busybox openssl; do
    command -v $program >/dev/null || skip "needs $program"
done
if [ -z "${IN_NAMESPACE:-}" ]; then
    unshare -n -m -u true 2>/dev/null || skip "no namespaces here"
    IN_NAMESPACE=1 exec unshare -n -m -u "$0" "$run_cases" "$remote" "$@"
fi
work=$(mktemp -d)
pids=()
finish() {
    [ ! -s "$work/second/pid" ] || kill "$(cat "$work/second/pid")" 2>/dev/null || true # see engine/swarm.yml
    for p in "${pids[@]}"; do
        kill "$p" 2>/dev/null || true
        wait "$p" 2>/dev/null || true
    done
    umount -R "$work/data" "$work/exec" "$work"/exec/netns/* "$work"/second/* 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
ip link set lo up
hostname engine1
mount --make-rprivate /
unset DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_CONTEXT
export DOCKER_HOST=unix://$work/docker.sock HOME=$work
# It also listens for who has a certificate of this authority; its own is for engine.example and for 127.0.0.1.
certs=$work/certs
mkdir "$certs"
(
    cd "$certs"
    openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=authority -keyout ca-key.pem -out ca.pem
    openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=other -keyout other-key.pem -out other-ca.pem
    for name in server client; do
        openssl req -newkey rsa:2048 -nodes -subj /CN=$name -keyout $name-key.pem -out $name.csr
        echo 'subjectAltName=DNS:engine.example,IP:127.0.0.1' >ext
        [ $name = server ] || echo 'extendedKeyUsage=clientAuth' >ext
        openssl x509 -req -days 9 -in $name.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -extfile ext -out $name.pem
    done
    mv client.pem cert.pem && mv client-key.pem key.pem
) >"$work/certs.log" 2>&1
export PLAY_TEST_DOCKER_CERTS=$certs
dockerd --data-root "$work/data" --exec-root "$work/exec" -H "$DOCKER_HOST" -H tcp://127.0.0.1:2376 --tlsverify \
    --tlscacert "$certs/ca.pem" --tlscert "$certs/server.pem" --tlskey "$certs/server-key.pem" -p "$work/pid" >"$work/log" 2>&1 &
pids+=($!)
for _ in $(seq 150); do
    docker version >/dev/null 2>&1 && break
    kill -0 "${pids[0]}" 2>/dev/null || skip "dockerd does not start here: $(tail -1 "$work/log")"
    sleep 0.2
done
root=$work/root
mkdir -p "$root"/{bin,etc,tmp,www}
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in sh ls cat echo sleep httpd wget hostname env id true false; do
    ln -s busybox "$root/bin/$applet"
done
echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
tar -C "$root" -c . | docker import -c 'CMD ["/bin/sleep","600"]' -c 'EXPOSE 80' -c 'ENV IMG=1' \
    -c 'LABEL from=image' - busy:1 >/dev/null
# a registry of its own, where there is one
if command -v docker-registry >/dev/null; then
    cat >"$work/registry.yml" <<END
version: 0.1
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "127.0.0.1:5000"}
END
    docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
    pids+=($!)
    for _ in $(seq 50); do
        (exec 9<>/dev/tcp/127.0.0.1/5000) 2>/dev/null && break
        sleep 0.1
    done
    export PLAY_TEST_REGISTRY=1
fi
# `docker compose`, where there is one
if [ -n "${COMPOSE_PLUGIN:-}" ]; then
    mkdir -p "$work/.docker/cli-plugins"
    ln -s "$COMPOSE_PLUGIN" "$work/.docker/cli-plugins/docker-compose"
fi
if docker compose version >/dev/null 2>&1; then
    export PLAY_TEST_COMPOSE2=1
fi
PLAY_TEST_DOCKER=1 "$run_cases" "$remote" "$@"
