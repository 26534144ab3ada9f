#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Leave out one stage of the start after the other (a test build can): something must turn red each time.  Each row
# below names what must notice: requirements of the suite, or a command line of its own.  A stage without a row fails.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(dirname "$(readlink -f "$0")")")/cli/lib.sh"

state=$scratch/state
mkdir -m 700 "$state"
chmod 755 "$scratch"

# stage | profile | filter...: these requirements must fail, or the start must.
by_suite='
id-range|standard|namespaces.*.user.*_range
id-maps|standard|namespaces.*
join-cgroup|standard|limits.*.memory.heap
cgroup-namespace|standard|namespaces.*.cgroup*
become-root|standard|namespaces.*
kernel-filesystems|standard|filesystem.*
enter-root|standard|filesystem.*
masks|standard|filesystem.*.masked.*
seal-root|standard|filesystem.*.read-only.*
forbid-namespaces|standard|namespaces.*.create.*
loopback|standard|namespaces.*.net.*
uplink|standard|network.*.allowed.tcp
host-name|standard|namespaces.*.uts.*
hide-init|standard|processes.*
init-descriptors|standard|namespaces.*.pid.*
init-capabilities|standard|processes.*
init-filter|standard|processes.*
session|standard|processes.*
signals|standard|processes.*
rlimits|standard|rlimits.*
no-new-privs|minimal|no_new_privs.*
mac|standard|mac.*
bounding-set|standard|capabilities.*.bounding.*
filter-with-admin|privileged|seccomp.*.installed.*
user|minimal|no_new_privs.*
filter|standard|seccomp.*.installed.*
'

# Stages without which nothing can start, or whose absence shows in no outcome, and why.
not_judged='
one-processor    a matter of speed alone
another-processor a matter of speed alone
state-directory  the next stage opens a file in it: without it the start fails
entry            the control socket lies in it: without it the start fails
filters          without a program the kernel refuses the filter: the start fails
storage          without it there is no writable place: the start fails
cgroup           join-cgroup needs it: without it the start dies (without both: the saboteur no-cgroup)
storage          enter-root lays the writable places on it: without it the start fails (on memory: the saboteur no-quota)
collect-trees    without them there is no root: the start fails
channels         without them the sides cannot speak: the start fails
go               PID 1 waits for it
await-go         a race: the maps may or may not be written in time
die-with-monitor has a second road: PID 1 sees its control socket end (without both: the saboteur outlives-monitor)
address          link needs it: the start fails
link             await-link waits for it, and gives up
no-ipv6          link waits for it, and gives up
own-program      hostile_rootfs_test.sh tries it: under Landlock its rules do the same
label            apparmor reads it: the start fails
apparmor         no AppArmor here: the saboteurs mac-apparmor-*, in the virtual machine
await-link       a race: the link may or may not be there in time
resolver         await-resolver waits for it, and gives up
resolver-sockets the resolver waits for them
await-resolver   a race: names that are asked for too early wait in the socket
lock-pipe        await-lock reads it: the start fails
await-lock       a race: CMD may or may not meet an unlocked PID 1
capabilities     exec of uid 0 sets the sets anew from the bounding set
execute          without it nothing runs
'

skip() {
	AGENTCORE_FAULT=skip:$stage run "$faulty" run --root "$state" "$@"
}

# What only a command line of its own can show: succeeds when the absence of the stage was noticed.
notice_refuse() {
	echo '{"security_profile": {"apparmor_fallback": "refuse"}}' >"$scratch/refuse.json"
	# It finds the cgroups, too: without it there are none to make.
	AGENTCORE_FAULT=skip:$stage,skip:cgroup,skip:join-cgroup run "$faulty" run --root "$state" \
		--policy "$scratch/refuse.json" --mac landlock -- /bin/true
	[ "$status" -ne 125 ]
}
notice_audit_log() {
	skip --audit-dir "$scratch/audit-$stage" -- /bin/true
	! grep -qs '"sandbox_start"' "$scratch/audit-$stage"/*.jsonl
}
notice_shift_owners() {
	mkdir -p "$scratch/owned" && chown 1234:1234 "$scratch/owned"
	skip --bind "$scratch/owned:/owned" -- /usr/bin/stat -c %u /owned
	[ "$output" != 0 ]
}
notice_terminal() {
	skip --tty -- /usr/bin/tty
	[ "$status" -ne 0 ]
}
notice_working_directory() {
	skip --cwd /tmp -- /bin/pwd
	[ "$output" != /tmp ]
}
notice_processors() {
	if [ "$(nproc)" -eq 1 ]; then
		[ "$stage" != none ]
		return
	fi
	skip -- /usr/bin/nproc
	[ "$output" != "$(nproc)" ]
}
notice_descriptors() {
	AGENTCORE_FAULT=skip:$stage run bash -c "exec 9</etc; exec '$faulty' run --root '$state' -- /bin/ls /proc/self/fd"
	grep -qx 9 <<<"$output"
}

judged_by_suite() {
	local row profile filter
	row=$(grep "^$stage|" <<<"$by_suite") || return 1
	IFS='|' read -r _ profile filter <<<"$row"
	AGENTCORE_FAULT=skip:$stage run "$conformance" run --runtime "$faulty" --adapter agentcore --profile "$profile" \
		--filter "$filter" --jsonl "$scratch/results.jsonl"
	grep -cE '"status":"(FAIL|CRASH|TIMEOUT|ERROR)"' "$scratch/results.jsonl" >"$scratch/red"
	[ "$status" -ne 2 ] && [ "$(<"$scratch/red")" -gt 0 ]
	ok "without $stage: $(<"$scratch/red") cases of $filter are red" $?
}

mapfile -t stages < <(sed -n 's/^\t{"\([a-z-]*\)",.*SIDE_.*/\1/p' "$root/runtime/stages.c")
[ "${#stages[@]}" -gt 30 ]
ok "the stages are known" $? "${#stages[@]} found"
for stage in "${stages[@]}"; do
	notice=notice_${stage//-/_}
	if grep -q "^$stage " <<<"$not_judged"; then
		continue
	elif declare -F "$notice" >/dev/null; then
		"$notice"
		ok "without $stage: a command line shows it" $? "exit status $status: $output $errors"
	elif ! judged_by_suite; then
		ok "$stage has a row here" "$(grep -c "^$stage|" <<<"$by_suite" | sed 's/^1$/0/; t; s/.*/1/')"
	fi
done

# The control: with every stage, none of them is noticed.
stage=none
for notice in $(declare -F | sed -n 's/^declare -f \(notice_[a-z_]*\)$/\1/p'); do
	! "$notice"
	ok "nothing is left out: $notice sees nothing" $?
done

finish
