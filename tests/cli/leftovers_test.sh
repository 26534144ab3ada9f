#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Nothing is left behind: no mount, no process, no file, after a refused start, a finished one and a killed one.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

state=$scratch/state

# Mounts of this namespace, and what lies in the state directory.
picture() {
	cut -d' ' -f3- /proc/self/mountinfo | grep -v "$scratch" | sort
	find "$state" | sort
}

# How many processes run "sleep WORD", inside or outside; the brackets keep grep from counting itself.
sleepers() {
	cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -cx "[${1:0:1}]${1:1}"
}

gone() {
	[ "$(sleepers "$1")" -eq 0 ]
}

alive() {
	[ "$(sleepers "$1")" -gt 0 ]
}

# cgroups ID: the directories of that sandbox, in every hierarchy.
cgroups() {
	find /sys/fs/cgroup -type d -path "*/agentcore-$1.*" 2>/dev/null
}

run "$agentcore" run --root "$state" --network none -- /bin/true # the first run makes the state directory
before=$(picture)

echo '{"security_profile": {"apparmor_fallback": "refuse", "apparmor_profile": "agentcore-standard"}}' >"$scratch/refuse.json"
run "$agentcore" run --root "$state" --policy "$scratch/refuse.json" --network none -- /bin/true
run "$agentcore" run --root "$state" --network none --rootfs "$scratch/absent" -- /bin/true
expect "a root that is not there is refused" 125
[ "$(picture)" = "$before" ]
ok "nothing is left after refused starts" $?

run "$agentcore" run --root "$state" --network none -- /bin/sh -c 'echo x >/tmp/file; (sleep 31536001 &) ; exit 3'
expect "a command that leaves a child behind" 3
within 10 gone 31536001
ok "the child ends with the sandbox" $?
[ "$(picture)" = "$before" ]
ok "nothing is left after a finished run" $?

id=leftovers-$$
"$agentcore" run --root "$state" --id "$id" --network none -- /bin/sh -c 'sleep 31536002 & trap "" TERM; sleep 31536002' </dev/null >/dev/null 2>&1 &
monitor=$!
within 10 alive 31536002
ok "the command runs" $?
[ -n "$(cgroups "$id")" ]
ok "in a cgroup of its name" $?
kill -KILL "$monitor"
{ wait "$monitor"; } 2>/dev/null
within 10 gone 31536002
ok "nobody survives a SIGKILL of the runtime" $?
# Nobody is left who could remove the cgroup and the entry of a monitor that was killed: the next run does it.
[ "$(cut -d' ' -f3- /proc/self/mountinfo | grep -v "$scratch" | sort)" = "$(grep -v "^$state" <<<"$before")" ]
ok "no mount is left after a killed run" $?
run "$agentcore" run --root "$state" --network none -- /bin/true
[ "$(picture)" = "$before" ] && [ -z "$(cgroups "$id")" ]
ok "and the next run reclaims its cgroup and its entry" $? "$(cgroups "$id") $(picture)"

"$agentcore" run --root "$state" --network none -- /bin/sh -c 'trap "exit 9" TERM; sleep 31536003 & wait' </dev/null >/dev/null 2>&1 &
monitor=$!
within 10 alive 31536003
kill -TERM "$monitor"
wait "$monitor"
status=$?
[ "$status" -eq 9 ]
ok "SIGTERM is forwarded to the command" $? "exit status $status"
within 10 gone 31536003
ok "and the sandbox ends with it" $?

finish
