#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The generated documents are those that the sources generate, and every field of a policy is in the manual page and in the reference.
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

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
