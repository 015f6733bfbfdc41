#!/bin/bash
# verbs.sh BIN_DIR: a project with one playbook, whose tags stand in its roles, has these tags for verbs.
set -euo pipefail
play=$(cd "${1:?usage: verbs.sh BIN_DIR}" && pwd)/play
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export ANSIBLE_CONFIG=/dev/null
mkdir -p roles/common/tasks environments/test
printf 'web1 ansible_connection=local\n' >environments/test/hosts
printf '{"greeting": "hello"}\n' >environments/test/secrets
printf -- '- hosts: all\n  gather_facts: false\n  roles: [common]\n' >playbook.yml
cat >roles/common/tasks/main.yml <<'END'
- tags: provision
  block:
    - debug: msg=provisioned
- debug: msg="{{ greeting }} deployed"
  tags: [deploy, "{{ more | default('x') }}"]
END

# holds TEXT COMMAND...: its output must hold the text
holds() {
    local text=$1 out
    shift
    out=$("$@" 2>&1) || { printf '%s failed:\n%s\n' "$*" "$out"; exit 1; }
    [[ $out == *"$text"* ]] || { printf '%s: no "%s" in\n%s\n' "$*" "$text" "$out"; exit 1; }
}

holds "the tasks tagged 'provision' of playbook.yml" "$play" list
holds "the tasks tagged 'deploy' of playbook.yml" "$play" list
holds 'hello deployed' "$play" deploy env=test
holds 'web1                       : ok=1 ' "$play" provision env=test

# pull: a repository with a playbook for this machine
if command -v git >/dev/null; then
    export HOME=$dir GIT_CONFIG_NOSYSTEM=1
    mkdir repo
    printf -- '- hosts: localhost\n  gather_facts: false\n  tasks:\n    - debug: msg="{{ word }} pulled"\n' >repo/local.yml
    printf -- '- hosts: localhost\n  gather_facts: false\n  tasks: [{debug: {msg: other}}]\n' >repo/other.yml
    git -C repo init -q
    git -C repo add .
    git -C repo -c user.email=a@example.org -c user.name=a commit -q -m one
    holds 'it is pulled' "$play" pull -U "$dir/repo" -d "$dir/pulled" -e 'word="it is"'
    holds 'Repository has not changed, quitting.' "$play" pull -U "$dir/repo" -d "$dir/pulled" --only-if-changed
    holds '"msg": "other"' "$play" pull -U "$dir/repo" -d "$dir/pulled" --purge other.yml
    [ ! -e "$dir/pulled" ] || { echo 'pull: --purge left the directory'; exit 1; }
    ! "$play" pull -U "$dir/nowhere" -d "$dir/pulled" >out.txt 2>&1 || { echo 'pull: a repository that is not there'; exit 1; }
    "$play" pull -U "$dir/repo" -d "$dir/pulled" none.yml >out.txt 2>&1 && { echo 'pull: a playbook that is not there'; exit 1; }
    grep -q "Could not find a playbook to run: '$dir/pulled/none.yml'" out.txt || { cat out.txt; exit 1; }
fi

# a module of the project has documentation as those that are built in
(mkdir own && cd own && "$play" module new greeting >/dev/null)
cd own
printf '#!/usr/bin/python\nDOCUMENTATION = r"""\n---\nmodule: old\nshort_description: Says something\n"""\n' >library/old.py
printf '#!/bin/sh\n' >library/plain
holds 'Write a text to a file.' "$play" doc greeting
holds '| `path` | path | required |' "$play" doc --markdown greeting
holds '  short_description: Says something' "$play" doc old
holds 'without documentation' "$play" doc plain
holds 'greeting                   Write a text to a file. (./library/greeting.lua)' "$play" doc -l
holds 'old                        ./library/old.py' "$play" doc -l
printf 'return {\n' >library/broken.lua
"$play" doc broken >out.txt 2>&1 && { echo 'doc: a broken module'; exit 1; }
grep -q 'library/broken.lua:' out.txt || { cat out.txt; exit 1; }
