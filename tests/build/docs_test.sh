#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The generated documents are those that the sources generate, and the manual pages name every option and field.
set -uo pipefail

root=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
build=${BUILD:-$root/build}
passed=0
failed=0

ok() {
	if [ "$2" -eq 0 ]; then
		echo "ok - $1"
		passed=$((passed + 1))
	else
		echo "not ok - $1"
		failed=$((failed + 1))
	fi
}

"$root/ci/ordering-doc" "$root/runtime/stages.c" | diff "$root/docs/ordering.md" - >/dev/null
ok "docs/ordering.md is what make docs writes" $?
"$root/ci/requirements-doc" "$build/agentcore-conformance" | diff "$root/docs/requirements.md" - >/dev/null
ok "docs/requirements.md is what make docs writes" $?

# Every key of the schema has its entry in the manual page and in the reference.
while read -r key; do
	grep -q "^\.It Ic $key" "$root/docs/man/agentcore-policy.5" && grep -q "\`$key\`" "$root/docs/policy.md"
	ok "$key is documented" $?
done < <(jq -r '.. | .properties? // empty | keys[]' "$root/runtime/policy/policy.schema.json" | sort -u)

# documented PROGRAM-OPTION-SOURCE PAGE: every long option that --help prints stands in the page.
documented() {
	local option
	for option in $("$build/$1" run --help 2>&1 | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
		grep -q -- "Fl -${option#--}" "$root/docs/man/$1.1"
		ok "$1 run $option is documented" $?
	done
}
documented agentcore
documented agentcore-conformance

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
