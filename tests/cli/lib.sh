# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For tests of the command lines: run a command, look at its exit status and what it prints.

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
build=$(readlink -f "${BUILD:-$root/build}")
agentcore=$build/agentcore
# The runtime with faults on purpose, for those who ask for it.
faulty=$build/agentcore-faults
# shellcheck disable=SC2034  # used by the tests
conformance=$build/agentcore-conformance
scratch=$(mktemp -d)
passed=0
failed=0

# For EXIT, also of a test that has more to remove: the scratch directory, and the profiles that were not there before.
drop_scratch() {
	[ -z "${profiles_before+set}" ] ||
		comm -13 <(echo "$profiles_before") <(loaded_profiles) | xargs -r "$build/agentcore" profile unload
	rm -rf "$scratch"
}
trap drop_scratch EXIT

# Names of agentcore's AppArmor profiles in the kernel.
loaded_profiles() {
	sed -n 's/^\(agentcore-[^ /]*\) .*/\1/p' /sys/kernel/security/apparmor/profiles 2>/dev/null | sort
}

# load_before_run PROGRAM: prints the path of a stand-in that does before each `run` what a user of a machine with AppArmor does: it loads
# that sandbox's profile.  Where that cannot be, run itself refuses.
load_before_run() {
	local stand_in=$scratch/bin/${1##*/}
	mkdir -p "$scratch/bin"
	cat >"$stand_in" <<-END
		#!/bin/bash
		options=()
		for word in "\${@:2}"; do
			[ "\$word" = -- ] && break
			options+=("\$word")
		done
		if [ "\$1" = run ]; then
			flock "$scratch/bin" "$1" profile load "\${options[@]}" </dev/null >/dev/null 2>&1
		fi
		exec "$1" "\$@"
	END
	chmod 755 "$stand_in"
	echo "$stand_in"
}

has_apparmor() {
	[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]
}

# A writable root is an idmapped mount of /usr, which an overlay does not take.
shifts_owners() {
	[ "$(stat -f -c %T /usr)" != overlayfs ]
}

if has_apparmor; then
	profiles_before=$(loaded_profiles)
	agentcore=$(load_before_run "$agentcore")
	faulty=$(load_before_run "$faulty")
fi

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
