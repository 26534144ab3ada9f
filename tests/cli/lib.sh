# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For tests of the command lines: run a command, look at its exit status and what it prints.

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
build=$(readlink -f "${BUILD:-$root/build}")
agentcore=$build/agentcore
# shellcheck disable=SC2034  # used by the tests
conformance=$build/agentcore-conformance
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

# ok NAME CONDITION-STATUS [DETAIL]
ok() {
	if [ "$2" -eq 0 ]; then
		echo "ok - $1"
		passed=$((passed + 1))
	else
		echo "not ok - $1${3:+: $3}"
		failed=$((failed + 1))
	fi
}

# run COMMAND...: sets status, output (standard output) and errors (standard error).
run() {
	timeout -k 5 60 "$@" </dev/null >"$scratch/output" 2>"$scratch/errors"
	status=$?
	output=$(<"$scratch/output")
	errors=$(<"$scratch/errors")
}

# expect NAME STATUS [PATTERN]: of the last run; PATTERN is searched in its output and errors (extended regex).
expect() {
	local detail="exit status $status, expected $2"
	[ "$status" -eq "$2" ]
	local good=$?
	if [ "$good" -eq 0 ] && [ -n "${3:-}" ]; then
		printf '%s\n%s\n' "$output" "$errors" | grep -qE -- "$3"
		good=$?
		detail="no \"$3\" in: $output $errors"
	fi
	ok "$1" "$good" "$detail"
}

# sandboxed COMMAND...: in the default sandbox.
sandboxed() {
	run "$agentcore" run --network none -- "$@"
}

# within SECONDS COMMAND...: poll until it succeeds.
within() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -ge "$deadline" ] && return 1
		read -rt 0.05 <> <(:) || true
	done
}

finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}
