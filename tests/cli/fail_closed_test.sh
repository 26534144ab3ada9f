#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every stage of the start fails closed: with a fault injected the start ends with 125, names the stage, and the
# command never runs; and nothing is left behind.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

marker=$scratch/marker
mkdir "$marker"
chmod 777 "$marker"
chmod 755 "$scratch"

start() {
	AGENTCORE_FAULT=$1 run "$faulty" run --network none --bind "$marker:/marker:rw" -- /bin/sh -c 'echo ran >/marker/ran'
}

mounts_before=$(cut -d' ' -f3- /proc/self/mountinfo | sort)
chown 1000:1000 "$marker"
start none
expect "the control: without a fault it starts" 0
[ -e "$marker/ran" ]
ok "and the command leaves its mark" $?
rm -f "$marker/ran"

mapfile -t stages < <("$root/ci/ordering-doc" "$root/runtime/stages.c" | sed -n 's/^| \([a-z][a-z-]*\) | [a-z_]* | .*/\1/p' | grep -vx stage)
[ "${#stages[@]}" -gt 20 ]
ok "the stages are known" $? "${#stages[@]} found"
for stage in "${stages[@]}"; do
	start "fail:$stage"
	# A command that cannot be executed is told apart from a start that failed.
	[ "$stage" = execute ] && wanted=126 || wanted=125
	expect "a failure of $stage ends the start" "$wanted" "stage $stage:"
	if [ -e "$marker/ran" ]; then
		ok "and the command did not run ($stage)" 1
		rm -f "$marker/ran"
	fi
done
# The pipe that CMD waits on also ends when PID 1 does, before the kernel kills the others: its end alone is no leave to go on.
for stage in init-descriptors init-capabilities init-filter; do
	start "fail:$stage,break:init-lingers"
	expect "CMD does not outrun a PID 1 that fails in $stage" 125 "stage await-lock: .*PID 1 ended"
	[ ! -e "$marker/ran" ]
	ok "and does not run" $?
	rm -f "$marker/ran"
done
[ "$(cut -d' ' -f3- /proc/self/mountinfo | sort)" = "$mounts_before" ]
ok "no mount is left" $?

finish
