#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The build refuses a forbidden include: a file of the suites that includes a verdict table, and a file of
# the model that includes what enforces it, must not compile; an allowed include must (the control).
set -uo pipefail

root=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
build=${BUILD:-$root/build}
passed=0
failed=0

# ROOM HEADER compiles|refused
rows() {
	cat <<-EOT
		suites policy/policy.h compiles
		suites harness/requirement.h compiles
		suites policy/syscalls.h refused
		suites policy/capabilities.h refused
		suites policy/mac.h refused
		suites enforce/namespaces.h refused
		adapters policy/syscalls.h refused
		harness policy/syscalls.h refused
		probes probes/probe.h compiles
		probes base/error.h refused
		policy base/error.h compiles
		policy enforce/namespaces.h refused
		base policy/policy.h refused
		enforce policy/policy.h compiles
		enforce harness/requirement.h refused
	EOT
}

# A refusal counts only if the header exists and the compiler's complaint is that it cannot see it.
outcome() {
	local message
	if message=$(echo "#include \"$2\"" | gcc -std=gnu17 -D_GNU_SOURCE -fsyntax-only -I"$build/inc/$1" -x c - 2>&1); then
		echo compiles
	elif [[ $message == *"$2: No such file"* ]]; then
		echo refused
	else
		echo "$message"
	fi
}

while read -r room header expected; do
	seen=$(outcome "$room" "$header")
	if ! [ -e "$root/runtime/$header" ] && ! [ -e "$root/conformance/$header" ]; then
		echo "not ok - $header does not exist"
		failed=$((failed + 1))
	elif [ "$seen" = "$expected" ]; then
		echo "ok - $room including $header: $expected"
		passed=$((passed + 1))
	else
		echo "not ok - $room including $header: expected $expected, got $seen"
		failed=$((failed + 1))
	fi
done < <(rows)

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
