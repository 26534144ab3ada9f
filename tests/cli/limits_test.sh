#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Limits as a user meets them: what a breach looks like on the command line, on the status descriptor and in the audit log;
# and bad values, which start nothing.  That limits hold is the suite's to prove.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

audit=$scratch/audit
state=$scratch/state
mkdir -m 700 "$state"
chmod 755 "$scratch"
status_file=$scratch/status.jsonl

# limited "KEY=VALUE ..." COMMAND...: the status lines are in $status_file, the audit lines in $audit.
limited() {
	local words=() limit
	for limit in $1; do
		words+=(--limit "$limit")
	done
	shift
	rm -rf "$audit"
	run bash -c 'exec 3>"$1"; shift; exec "$@"' _ "$status_file" "$agentcore" run --root "$state" --audit-dir "$audit" \
		--network none --json-status 3 "${words[@]}" -- "$@"
}

# both NAME JQ-FILTER: it holds for one line of the status and for one of the audit log.
both() {
	jq -se "any(.[]; $2)" "$status_file" >/dev/null
	ok "$1: status" $? "$(<"$status_file")"
	jq -se "any(.[]; (. + .metadata) | $2)" "$audit"/audit_*.jsonl >/dev/null
	ok "$1: audit log" $? "$(cat "$audit"/audit_*.jsonl)"
}

limited "" /bin/true
expect "the control: nothing is breached" 0
[ "$(jq -r .type "$status_file" | tr '\n' ' ')" = "start layers exit " ]
ok "start, layers, exit, in this order" $? "$(<"$status_file")"
both "the end has its figures" '.exit_status == 0 and .memory_peak_bytes > 0 and .cpu_us > 0 and .duration_us > 0'
both "the layers are on record" '(.layers // []) | any(.layer == "cgroups" and .in_force)'
[ "$(jq -r .event_type "$audit"/audit_*.jsonl | tr '\n' ' ')" = "sandbox_start layers sandbox_exit " ]
ok "the audit log has the same events" $?

limited "max_memory_mb=32" /usr/bin/python3 -c 'x = bytearray(64 << 20)'
expect "memory: the sandbox dies, and says why" 137 "agentcore: memory limit reached: the whole sandbox was killed \(32 MiB\)"
both "memory: the breach is on record" '.resource == "memory" and .result == "killed" and .limit == 32'
limited "max_memory_mb=128" /usr/bin/python3 -c 'x = bytearray(64 << 20)'
expect "memory: the control lives" 0
limited "max_memory_mb=48" /bin/sh -c '/usr/bin/python3 -c "x = bytearray(96 << 20)"; echo survived'
expect "memory: the one that did not take it dies too" 137
[ -z "$output" ]
ok "memory: nothing goes on after the breach" $? "$output"

limited "max_processes=8" /bin/sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 & done; wait' 
both "processes: the breach is on record" '.resource == "processes" and .result == "denied" and .limit == 8'
[ "$status" -ne 0 ]
ok "processes: fork was refused" $? "exit status $status"

limited "max_execution_time_seconds=0.5" /bin/sh -c 'trap "" TERM; sleep 20 & sleep 20; sleep 20'
expect "wall time: exit 124" 124 "agentcore: wall time over: the whole sandbox was killed \(0.5 s\)"
both "wall time: the breach is on record" '.resource == "wall_time" and .result == "killed" and .limit == 0.5'

limited "max_processes=150" /bin/bash -c 'for ((i = 0; i < 140; i++)); do sleep 3 & done; jobs -p | wc -l'
expect "processes: a value above the container's default holds" 0 '^140$'

limited "max_file_descriptors=4" /bin/true
expect "descriptors: the start itself needs none of the few" 0

limited "storage_quota_mb=4" /bin/dd if=/dev/zero of=/tmp/x bs=16k count=1024
expect "storage: no room" 1 "No space left"
both "storage: the breach is on record" '.resource == "storage" and .result == "denied" and .limit == 4'

limited "max_cpu_percent=20" /usr/bin/python3 -c 'import time
end = time.monotonic() + 0.6
while time.monotonic() < end: pass'
expect "cpu: it goes on, slower" 0
both "cpu: the throttling is on record" '.resource == "cpu" and .result == "throttled" and .throttled_us > 0'

for bad in max_memory_mb=0 max_memory_mb=-1 max_memory_mb=nan max_memory_mb=99999999999 max_memory_mb=16000000 max_memory_mb=64m \
	max_cpu_cores=0 max_cpu_cores=-0.5 max_cpu_cores=inf max_cpu_cores=4000 max_processes=0 max_processes=2.5 max_execution_time_seconds=0 \
	storage_quota_mb=0 max_file_descriptors=1 max_memory=64 max_memory_mb 'max_memory_mb=' =5; do
	run "$agentcore" run --root "$state" --audit-dir "$audit" --network none --limit "$bad" -- /bin/echo started
	expect "--limit $bad is refused" 125 "${bad%%=*}"
	[ -z "$output" ]
	ok "--limit $bad: nothing is started" $? "$output"
done

run "$agentcore" run --json-status 77 -- /bin/true
expect "a status descriptor that is not open is refused" 125 "json-status 77"
run "$agentcore" run --id ../x -- /bin/true
expect "an id that is a path is refused" 125

echo '{"security_profile": {"audit_failure": "refuse"}, "resource_limits": {"network_access": "none"}}' >"$scratch/refuse.json"
echo '{"resource_limits": {"network_access": "none"}}' >"$scratch/continue.json"
: >"$scratch/file"
run "$agentcore" run --root "$state" --audit-dir "$scratch/file/audit" --policy "$scratch/continue.json" -- /bin/echo started
expect "no audit log: reported, and the command runs" 0 "audit"
[ "$output" = started ]
ok "the command ran" $? "$output"
run "$agentcore" run --root "$state" --audit-dir "$scratch/file/audit" --policy "$scratch/refuse.json" -- /bin/echo started
expect "no audit log and audit_failure refuse: no start" 125 "stage audit-log"
[ -z "$output" ]
ok "nothing ran" $? "$output"

rm -rf "$audit"
run "$agentcore" run --root "$state" --audit-dir "$audit" --network none -- /nonexistent
expect "a start that fails" 127
jq -se 'any(.[]; .event_type == "start_refused" and (.reason | contains("nonexistent")))' "$audit"/audit_*.jsonl >/dev/null
ok "is on record" $? "$(cat "$audit"/audit_*.jsonl)"
# A caller that waits for the end of our output is not kept waiting by the sandbox.
run bash -c 'out=$(timeout 20 "$@" 2>&1) && [ "$out" = limits-detached ]' _ "$agentcore" run --root "$state" --audit-dir "$audit" \
	--network none --detach --id limits-detached -- /bin/sleep 300
expect "--detach prints the id and lets go of its caller" 0
run "$agentcore" run --root "$state" --audit-dir "$audit" --network none --id limits-detached -- /bin/true
expect "an id in use is refused" 125 "choose another --id"
jq -se 'any(.[]; .event_type == "start_refused" and .sandbox_id == "limits-detached" and .metadata.stage == "entry")' "$audit"/audit_*.jsonl >/dev/null
ok "and the refusal of a first stage is on record" $?
run "$agentcore" update --root "$state" --audit-dir "$audit" limits-detached --limit max_execution_time_seconds=1
expect "a limit is changed" 0
for _ in {1..60}; do
	[ -d "$state/sandboxes/limits-detached" ] || break
	read -rt 0.1 <> <(:)
done
jq -se 'any(.[]; .event_type == "breach" and .sandbox_id == "limits-detached" and .metadata.limit == 1)' "$audit"/audit_*.jsonl >/dev/null
ok "and its breach is on record with the new value" $? "$(tail -2 "$audit"/audit_*.jsonl)"

run "$agentcore" audit-log verify --audit-dir "$audit"
expect "the chain of the audit log holds" 0

[ -z "$(ls "$state/sandboxes" 2>/dev/null)" ]
ok "no entry is left" $? "$(ls "$state/sandboxes")"
finish
