#!/bin/bash
# check.sh PLAY: docs/modules/ and the tables of docs/compatibility.md are what the program's own tables say; each module
# tells what it does, what each argument means, what it returns, and has an example that is right.
set -euo pipefail
play=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
docs=$here/../../docs
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0
fail() {
    failed=1
    echo "FAILED: $*"
}
mkdir "$tmp/pages" "$tmp/book"
"$here/module_pages.sh" "$play" "$tmp/pages"
diff -r "$tmp/pages" "$docs/modules" >"$tmp/diff" || fail "docs/modules is stale, run tests/docs/module_pages.sh: $(head -n 5 "$tmp/diff")"
"$play" doc --markdown >"$tmp/tables"
sed '1,/^<!-- from here on/d' "$docs/compatibility.md" | sed '/./,$!d' >"$tmp/written"
sed '/./,$!d' "$tmp/tables" | diff - "$tmp/written" >"$tmp/diff" || fail "the tables of docs/compatibility.md are stale: $(head -n 5 "$tmp/diff")"
count=0
for page in "$tmp"/pages/*.md; do
    name=$(basename "$page" .md)
    [ "$name" != README ] || continue
    count=$((count + 1))
    sed -n '3p' "$page" | grep -q . || fail "$name: does not say what it is for"
    grep -nE '^\| `[^`]+` \|.*\|  *\|$' "$page" && fail "$name: arguments or results without a word about them"
    grep -q '^## Return values' "$page" || fail "$name: does not tell what it returns"
    if grep -q '^## Example' "$page"; then
        {
            printf -- '- hosts: localhost\n  gather_facts: false\n  tasks:\n'
            sed -n '/^```yaml/,/^```/p' "$page" | sed '/^```/d; s/^/    /'
        } >"$tmp/book/$name.yml"
    else
        fail "$name: has no example"
    fi
done
cd "$tmp/book"
for book in *.yml; do
    "$play" run "$book" -i localhost, --syntax-check >"$tmp/out" 2>&1 || fail "the example of ${book%.yml}: $(head -n 3 "$tmp/out")"
done
echo "documentation of $count modules"
[ $count -gt 90 ] || fail "only $count modules"
exit $failed
