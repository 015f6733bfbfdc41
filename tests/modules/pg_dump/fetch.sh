#!/bin/bash
# fetch.sh PLAY: dumps that go to the controller while they are made, from the server that with_server.sh started.
set -euo pipefail
play=$1
work=$(mktemp -d)
export HOME=$work/home ANSIBLE_NOCOLOR=1 ANSIBLE_CONFIG=/dev/null
mkdir -p "$HOME" "$work/bin"
trap 'umount "$work/small" 2>/dev/null; rm -rf "$work"' EXIT
die() {
    echo "FAILED: $*" >&2
    [ ! -f "$work/log" ] || cat "$work/log" >&2
    exit 1
}
sql() { psql -qtAX -U postgres -d "$1" -c "$2"; }
# run WANTED_STATUS TASK...: a playbook of one task on the hosts of $hosts
hosts=one,
run() {
    local want=$1 rc=0
    shift
    printf -- '- hosts: all\n  gather_facts: false\n  connection: local\n  tasks:\n  - pg_dump: %s\n    register: r\n  - debug: var=r\n' "$*" >"$work/p.yml"
    "$play" run "$work/p.yml" -i "$hosts" >"$work/log" 2>&1 || rc=$?
    [ "$rc" = "$want" ] || die "status $rc, not $want: $*"
}
said() { grep -qE "$1" "$work/log" || die "no '$1' in the output"; }
files() { # DIR WANTED...
    local dir=$1
    shift
    [ "$(ls -A "$work/$dir" | tr '\n' ' ')" = "$*" ] || die "$dir holds $(ls -A "$work/$dir" | tr '\n' ' ')"
}

coming() { compgen -G "$work/bad/.y*" >/dev/null; }
gone() { # the stand-in of pg_dump has ended
    for _ in $(seq 600); do
        grep -q '^State:[[:space:]]*[^Z]' "/proc/$(cat "$work/pid")/status" 2>/dev/null || return 0
        sleep 0.05
    done
    return 1
}

sql postgres 'CREATE DATABASE big'
sql big "CREATE TABLE notes AS SELECT i, repeat(md5(i::text), 8) AS text FROM generate_series(1, 300000) i"
sum="SELECT md5(string_agg(text, '' ORDER BY i)) FROM notes"
want=$(sql big "$sum")

# larger than one message may be, plain, and restored again
run 0 '{db: big, format: plain, dest: out/big.sql, fetch: true, mode: "0640"}'
said '"verified": true'
files out 'big.sql '
[ "$(stat -c %a "$work/out/big.sql")" = 640 ] || die "the mode is not 0640"
[ "$(stat -c %s "$work/out/big.sql")" -gt 67108864 ] || die "the dump is too small for this test"
sql postgres 'CREATE DATABASE again'
psql -qX -U postgres -v ON_ERROR_STOP=1 -d again -f "$work/out/big.sql" >/dev/null
[ "$(sql again "$sum")" = "$want" ] || die "what was restored is not what was dumped"
sha=$(sha256sum "$work/out/big.sql" | cut -d' ' -f1)
said "\"sha256\": \"$sha\""

# compressed, custom, tar; from two hosts at once; only the owner may read them
hosts=one,two,
run 0 '{db: again, format: plain, compress: gz, dest: "packed/{{ inventory_hostname }}.sql.gz", fetch: true}'
files packed 'one.sql.gz two.sql.gz '
[ "$(stat -c %a "$work/packed/one.sql.gz")" = 600 ] || die "others may read a dump"
gzip -t "$work"/packed/*.gz
hosts=one,
run 0 '{db: big, dest: custom/big.dump, fetch: true}'
pg_restore --list "$work/custom/big.dump" | grep -q 'TABLE DATA public notes' || die "the custom dump has no data"
sql postgres 'DROP DATABASE again' && sql postgres 'CREATE DATABASE again'
pg_restore -U postgres -d again "$work/custom/big.dump"
[ "$(sql again "$sum")" = "$want" ] || die "what was restored from custom is not what was dumped"
run 0 '{db: postgres, format: tar, dest: tar/p.tar, fetch: true}'
pg_restore --list "$work/tar/p.tar" >/dev/null

# rotation takes place here
mkdir "$work/dated"
touch "$work"/dated/postgres-20{19,20,21}0101T000000Z.dump "$work/dated/other-20190101T000000Z.dump"
run 0 '{db: postgres, directory: dated, keep: 2, fetch: true}'
said "postgres-20200101T000000Z.dump"
dated=("$work"/dated/*)
[ ${#dated[@]} = 3 ] || die "keep: 2 leaves ${dated[*]}"
[ -f "$work/dated/postgres-20210101T000000Z.dump" ] && [ -f "$work/dated/other-20190101T000000Z.dump" ] || die "the wrong ones were removed"
run 0 '{db: postgres, directory: dated, keep_days: 30, fetch: true}'
[ ! -f "$work/dated/postgres-20210101T000000Z.dump" ] || die "keep_days: 30 leaves one of 2021"

# check mode touches nothing
printf -- '- hosts: all\n  gather_facts: false\n  connection: local\n  tasks:\n  - pg_dump: {db: postgres, dest: checked/x, fetch: true}\n' >"$work/p.yml"
"$play" run "$work/p.yml" -i one, --check >"$work/log" 2>&1 || die "check mode failed"
said 'changed=1'
[ ! -e "$work/checked" ] || die "check mode made a directory"

# what goes wrong leaves nothing, and an older dump as it is
mkdir "$work/bad"
echo old >"$work/bad/x.dump"
run 2 '{db: postgres, dest: bad/x.dump, fetch: true, extra_args: [--table=nobody]}'
said 'no matching tables'
run 2 '{db: postgres, format: directory, dest: bad/x.dump, fetch: true}'
said 'fetch does not go with format directory'
run 2 '{db: ../../x, directory: bad, fetch: true}'
said 'no name of a database'
real=$(command -v pg_dump)
cat >"$work/bin/pg_dump" <<END
#!/bin/sh
case "\$*" in *--dbname=postgres*) "$real" "\$@" | head -c 700; exit 1 ;; esac
echo \$\$ >"$work/pid"
"$real" "\$@"
exec sleep 300
END
chmod +x "$work/bin/pg_dump"
export PATH=$work/bin:$PATH
run 2 '{db: postgres, dest: bad/x.dump, fetch: true}'
said 'pg_dump of postgres failed'
[ "$(cat "$work/bad/x.dump")" = old ] || die "an older dump was replaced"
files bad 'x.dump '

# the disk of the controller is full: the program on the target is stopped
mkdir "$work/small"
if mount -t tmpfs -o size=4m tmpfs "$work/small" 2>/dev/null; then
    run 2 '{db: big, format: plain, dest: small/big.sql, fetch: true}'
    said 'cannot write what module .pg_dump. sends from host .one.: No space left'
    files small ''
    gone || die "pg_dump still runs after the disk was full"
else
    echo "not tested: a full disk (nothing can be mounted here)"
fi

# the run is ended while a dump comes
rm -f "$work/pid"
printf -- '- hosts: all\n  gather_facts: false\n  connection: local\n  tasks:\n  - pg_dump: {db: again, dest: bad/y.dump, fetch: true}\n' >"$work/p.yml"
"$play" run "$work/p.yml" -i one, >"$work/log" 2>&1 &
run=$!
for _ in $(seq 600); do
    ! coming || [ ! -s "$work/pid" ] || break
    sleep 0.05
done
coming || die "no dump came"
kill "$run"
wait "$run" && die "a run that was ended says it went well"
files bad 'x.dump '
gone || die "pg_dump still runs after the run was ended"
echo "dumps came whole or not at all"
