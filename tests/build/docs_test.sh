#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The generated documents are those that the sources generate, and every field of a policy is in the manual page and in the reference.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(dirname "$(readlink -f "$0")")")/cli/lib.sh"
set -uo pipefail

"$root/ci/ordering-doc" "$root/runtime/stages.c" | diff "$root/docs/ordering.md" - >/dev/null
ok "docs/ordering.md is what make docs writes" $?
"$root/ci/requirements-doc" "$build/agentcore-conformance" | diff "$root/docs/requirements.md" - >/dev/null
ok "docs/requirements.md is what make docs writes" $?

# Every key of the schema has its entry in the manual page and in the reference.
while read -r key; do
	grep -q "^\.It Ic $key" "$root/docs/man/agentcore-policy.5" && grep -q "\`$key\`" "$root/docs/policy.md"
	ok "$key is documented" $?
done < <(jq -r '.. | .properties? // empty | keys[]' "$root/runtime/policy/policy.schema.json" | sort -u)

finish
