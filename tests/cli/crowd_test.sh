#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Many sandboxes with limits at once, of four kinds: one ends well, one breaches memory, one the wall time, one the process limit.  Each
# must end as its kind does, and nothing may be left.  CROWD is how many there are; `make soak` takes 200.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

crowd=${CROWD:-40}
state=$scratch/state
# On a disk, wherever this machine has its /tmp.
storage=$(mktemp -d /var/tmp/agentcore-crowd-test.XXXXXX)
trap 'rm -rf "$storage"; drop_scratch' EXIT
mkdir -m 700 "$state" "$scratch/out"
chmod 755 "$scratch"
parent=agentcore-crowd-$$

cgroups() {
	find /sys/fs/cgroup -type d -path "*/$parent*" 2>/dev/null
}

# Loop devices of this test's own storage directory.
loops() {
	grep -h "^$storage/" /sys/block/loop*/loop/backing_file 2>/dev/null
}

mounts() {
	cut -d' ' -f3- /proc/self/mountinfo | sort
}

kinds=(well memory time forks)
declare -A limit=([well]=max_memory_mb=64 [memory]=max_memory_mb=24 [time]=max_execution_time_seconds=1 [forks]=max_processes=6)
declare -A wanted=([well]=0 [memory]=137 [time]=124 [forks]=0)
# shellcheck disable=SC2016  # they expand inside
declare -A work=(
	[well]='echo done'
	# A string that doubles until the limit ends it.
	[memory]='x=0123456789abcdef; while :; do x=$x$x; done'
	[time]='sleep 300 & sleep 300'
	# The fork that fails ends its subshell alone.
	[forks]='for i in 1 2 3 4 5 6 7 8; do (sleep 0.2 &) 2>/dev/null; done; echo done'
)

before_mounts=$(mounts)
declare -A pids
for ((i = 0; i < crowd; i++)); do
	kind=${kinds[i % 4]}
	timeout -k 5 240 "$agentcore" run --root "$state" --audit-dir "$scratch/audit" --storage-dir "$storage" \
		--cgroup-parent "$parent" --network none --limit "${limit[$kind]}" --limit storage_quota_mb=8 -- /bin/bash -c "${work[$kind]}" \
		</dev/null >"$scratch/out/$i" 2>&1 &
	pids[$i]=$!
done
good=0
for ((i = 0; i < crowd; i++)); do
	kind=${kinds[i % 4]}
	wait "${pids[$i]}"
	status=$?
	if [ "$status" -eq "${wanted[$kind]}" ]; then
		good=$((good + 1))
	else
		echo "not ok - sandbox $i ($kind): exit status $status, expected ${wanted[$kind]}: $(head -c 300 "$scratch/out/$i")"
	fi
done
[ "$good" -eq "$crowd" ]
ok "$crowd sandboxes at once end as they must" $? "$good did"

[ -z "$(cgroups)" ]
ok "no cgroup is left" $? "$(cgroups)"
[ -z "$(ls "$state/sandboxes")" ]
ok "no entry is left" $? "$(ls "$state/sandboxes")"
[ "$(mounts)" = "$before_mounts" ]
ok "no mount is left" $? "$(diff <(mounts) <(echo "$before_mounts"))"
no_loops() {
	[ -z "$(loops)" ]
}
# The kernel lets go of a loop device a moment after the last mount.
within 5 no_loops
ok "no loop device is left" $? "$(loops)"
run "$agentcore" audit-log verify --audit-dir "$scratch/audit"
expect "and the audit log of all of them is one chain" 0
finish
