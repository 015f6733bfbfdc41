#!/bin/bash
# arm64.sh BIN_DIR: the arm64 play-remote does its work, under qemu. The "host" is a program in front of the command, which
# says that this machine is an arm64 and starts play-remote under qemu-aarch64-static.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../hosts/lib.sh
. "$here/../hosts/lib.sh"
bin=$(absolute "${1:?usage: arm64.sh BIN_DIR}")
[ -x "$bin/play-remote-aarch64" ] || skip "play-remote-aarch64 was not built (-DPLAY_ARM64=ON)"
need_programs qemu-aarch64-static
for name in $(compgen -e | grep -E '^(ANSIBLE_|PLAY_)'); do unset "$name"; done
work=$(mktemp -d "${TMPDIR:-/tmp}/arm64.XXXXXX")
trap 'rm -rf "$work"' EXIT
export HOME=$work/home LC_ALL=C.UTF-8
mkdir -p "$HOME" "$work/fake" && cd "$work" || exit 1
qemu-aarch64-static "$bin/play-remote-aarch64" --self-check || die "the self-check failed"

cat >fake/uname <<'END'
#!/bin/sh
[ "$*" = -sm ] && exec echo Linux aarch64
exec /bin/uname "$@"
END
# docker exec -i box1 /bin/sh -c TEXT
cat >docker <<END
#!/bin/bash
text=\${6//exec \"\\\$1\/\\\$h\"/exec qemu-aarch64-static \"\\\$1/\\\$h\"}
text=\${text//exec \"\\\$f\"/exec qemu-aarch64-static \"\\\$f\"}
PATH=$work/fake:\$PATH exec /bin/sh -c "\$text"
END
chmod +x docker fake/uname
cat >site.yml <<'END'
- hosts: all
  tasks:
    - assert: {that: ["ansible_architecture == 'aarch64'", "ansible_processor_vcpus | int > 0"]}
    - file: {path: "{{ out }}/dir", state: directory, mode: "0750"}
    - copy: {content: "eins\nzwei\n", dest: "{{ out }}/dir/file"}
    - lineinfile: {path: "{{ out }}/dir/file", regexp: "^zw", line: "drei"}
    - replace: {path: "{{ out }}/dir/file", regexp: "(e)ins", replace: '\1s'}
    - command: cat {{ out }}/dir/file
      register: r
    - shell: echo $((20 + 22))
      register: s
    - stat: {path: "{{ out }}/dir/file", checksum_algorithm: sha256}
      register: st
    - find: {paths: "{{ out }}/dir"}
      register: f
    - getent: {database: passwd, key: root}
    - assert:
        that:
          - r.stdout_lines == ['es', 'drei']
          - s.stdout == '42'
          - st.stat.mode == '0644'
          - st.stat.checksum == ('es\ndrei\n' | hash('sha256'))
          - f.matched == 1
          - getent_passwd.root | length > 0
END
run() {
    timeout 120 "$bin/play" run site.yml -i box1, -c docker -e "ansible_docker_executable=$work/docker" -e "out=$work" >output 2>&1 || {
        cat output >&2
        die "the run failed"
    }
}
umask 022
run
run
say "arm64: two runs of site.yml under qemu"
