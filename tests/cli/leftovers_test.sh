#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Nothing is left behind: no mount, no process, no file, after a refused start, a finished one and a killed one.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

# Mounts of this namespace, and what lies in /run and /tmp besides our own scratch directory.
picture() {
	cut -d' ' -f3- /proc/self/mountinfo | sort
	find /run/agentcore /tmp -maxdepth 1 -name 'agentcore*' 2>/dev/null | sort
}

# No process whose command line has the word is alive, waiting at most five seconds for that.
gone() {
	local word=$1 deadline=$((SECONDS + 5)) file
	while [ "$SECONDS" -le "$deadline" ]; do
		local found=
		for file in /proc/[0-9]*/cmdline; do
			if tr '\0' ' ' <"$file" 2>/dev/null | grep -qF "sleep $word"; then
				found=yes
			fi
		done
		[ -z "$found" ] && return 0
		read -rt 0.05 <> <(:) || true
	done
	return 1
}

# alive WORD: wait until a sleep with that word runs.
alive() {
	local deadline=$((SECONDS + 5))
	while [ "$SECONDS" -le "$deadline" ]; do
		if cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -qF "sleep $1"; then
			return 0
		fi
		read -rt 0.05 <> <(:) || true
	done
	return 1
}

sandboxed /bin/true # the state directory may be made by the first run
before=$(picture)

echo '{"security_profile": {"apparmor_fallback": "refuse", "apparmor_profile": "agentcore-standard"}}' >"$scratch/refuse.json"
run "$agentcore" run --policy "$scratch/refuse.json" --network none -- /bin/true
run "$agentcore" run --network none --rootfs "$scratch/absent" -- /bin/true
expect "a root that is not there is refused" 125
[ "$(picture)" = "$before" ]
ok "nothing is left after refused starts" $?

sandboxed /bin/sh -c 'echo x >/tmp/file; (sleep 31536001 &) ; exit 3'
expect "a command that leaves a child behind" 3
gone 31536001
ok "the child ends with the sandbox" $?
[ "$(picture)" = "$before" ]
ok "nothing is left after a finished run" $?

"$agentcore" run --network none -- /bin/sh -c 'sleep 31536002 & trap "" TERM; sleep 31536002' </dev/null >/dev/null 2>&1 &
monitor=$!
alive 31536002
ok "the command runs" $?
kill -KILL "$monitor"
wait "$monitor" 2>/dev/null
gone 31536002
ok "nobody survives a SIGKILL of the runtime" $?
[ "$(picture)" = "$before" ]
ok "nothing is left after a killed run" $?

"$agentcore" run --network none -- /bin/sh -c 'trap "exit 9" TERM; sleep 31536003 & wait' </dev/null >/dev/null 2>&1 &
monitor=$!
alive 31536003
kill -TERM "$monitor"
wait "$monitor"
status=$?
[ "$status" -eq 9 ]
ok "SIGTERM is forwarded to the command" $? "exit status $status"
gone 31536003
ok "and the sandbox ends with it" $?

finish
