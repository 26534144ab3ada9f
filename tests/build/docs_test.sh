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

# What the mandatory layer leaves to others is in docs/mac.md, with the layer that covers it, and its cases exist.
"$build/agentcore-conformance" list --profile minimal --profile standard | cut -d ' ' -f 1 >"$scratch/ids"
gaps=$(sed -n 's/^\t{[A-Z| ]*, [A-Z0-9_]*, {"\([^"]*\)", LAYER_\([A-Z]*\), .*/\1|\2/p' "$root/runtime/layer_gaps.c")
[ "$(wc -l <<<"$gaps")" -eq "$(grep -cP '^\t\{(LANDLOCK|APPARMOR)' "$root/runtime/layer_gaps.c")" ]
ok "every gap is read" $?
while IFS='|' read -r what layer; do
	line=$(awk -v start="| $what |" 'index($0, start) == 1' "$root/docs/mac.md")
	[[ $line == *"| ${layer,,} |"* ]]
	ok "docs/mac.md says who covers $what" $?
	# shellcheck disable=SC2016  # the marks of code in a document
	mapfile -t ids < <(grep -o '`[a-z]*\.[^`]*`' <<<"$line" | tr -d '`')
	[ "${#ids[@]}" -gt 0 ] && [ "$(printf '%s\n' "${ids[@]}" | grep -cxFf "$scratch/ids")" -eq "${#ids[@]}" ]
	ok "and its cases exist: ${ids[*]}" $?
done <<<"$gaps"

finish
