#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# agentcore list, kill, update, delete: on live sandboxes, on dead ones, on none.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

state=$scratch/state
audit=$scratch/audit
where=(--root "$state" --audit-dir "$audit")

start() {
	local id=$1
	shift
	run "$agentcore" run "${where[@]}" --network none --detach --id "$id" "$@"
}

verb() {
	local name=$1
	shift
	run "$agentcore" "$name" "${where[@]}" "$@"
}

list() {
	run "$agentcore" list --root "$state" "$@"
}

# field ID JQ-FILTER: of the listing.
field() {
	"$agentcore" list --json --root "$state" | jq -r --arg id "$1" ".[] | select(.id == \$id) | $2"
}

gone() {
	[ -z "$(field "$1" .id)" ]
}

has_status() {
	[ "$(field "$1" .status)" = "$2" ]
}

# cgroup_value ID FILE...: the first of these files that the sandbox's cgroup has, v1 or v2.
cgroup_value() {
	local name file
	name=$(field "$1" .cgroup)
	shift
	for file; do
		find /sys/fs/cgroup -path "*/$name/$file" -exec cat {} \; -quit 2>/dev/null | head -n 1 | grep . && return
	done
}

on_record() {
	jq -se "any(.[]; (. + .metadata) | $2)" "$audit"/audit_*.jsonl >/dev/null
	ok "$1" $? "$(tail -n 5 "$audit"/audit_*.jsonl)"
}

for name in list kill delete update exec; do
	run "$agentcore" "$name" --help
	expect "$name --help teaches" 0 'Usage: agentcore'
	run "$agentcore" "$name" --no-such-option
	expect "$name: 125 and the option for an unknown option" 125 'no-such-option.*--help'
done
list
expect "list without a state directory is empty" 0 '^ID'
list --json
expect "and as JSON" 0 '^\[\]$'
for name in kill delete; do
	verb "$name" nobody
	expect "$name: 125 for a sandbox that is not there" 125
	verb "$name" ../x
	expect "$name: 125 for what is no id" 125
done

# --- list ---
start one -- /bin/sh -c 'trap "exit 9" TERM; trap "touch /tmp/usr1" USR1; while :; do sleep 0.05; done'
expect "a sandbox in the background prints its id" 0 '^one$'
start one -- sleep 300
expect "a second of the same id is refused" 125 'one is running'
list
expect "list shows it" 0 '^one +running +[0-9]+ standard'
kill -0 "$(field one .init)" && kill -0 "$(field one .monitor)"
ok "with living processes" $?
[ "$(field one .resource_limits.max_memory_mb)" = 512 ]
ok "and its limits" $? "$(field one .resource_limits)"
verb delete one
expect "delete refuses a live one" 125 'running'

# --- kill ---
verb kill one USR1
expect "kill with a signal" 0
caught() {
	"$agentcore" exec one "${where[@]}" -- test -e /tmp/usr1
}
within 10 caught
ok "the command gets it" $?
verb kill one FROBNICATE
expect "kill refuses what is no signal" 125 'FROBNICATE'
verb kill one
expect "kill" 0
within 10 gone one
ok "the command ends by TERM, and nothing is left" $? "$(field one .status)"
on_record "kill is on record" '.event_type == "sandbox_kill" and .resource == "TERM" and .result == "allowed"'
on_record "and the command had its say" '.event_type == "sandbox_exit" and .exit_status == 9'
start deaf -- /bin/sh -c 'trap "" TERM; sleep 300 & sleep 300; sleep 300'
verb kill deaf --all
expect "kill --all" 0
within 10 gone deaf
ok "ends those who are deaf" $? "$(field deaf .status)"

# --- The monitor's socket, asked for nonsense ---
cat >"$scratch/nonsense.py" <<'PY'
import os, socket, struct, sys
os.chdir(sys.argv[1])
def connect():
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect("control")
    connection.settimeout(10)
    return connection
def ask(packet):
    connection = connect()
    connection.send(packet)
    return connection.recv(64)
def request(kind, number=0, seconds=0.0):
    return struct.pack("IId", kind, number, seconds)
for packet in b"x", b"x" * 15, b"x" * 17, b"x" * 60000:
    assert ask(packet) == b"", packet[:20]
for packet in request(99), request(0, 0), request(0, 65), request(0, 2**32 - 1), request(1, 0, -1.0), request(1, 0, float("nan")), request(1, 0, float("inf")):
    code, _ = struct.unpack("iI", ask(packet))
    assert code != 0, packet
crowd = [connect() for _ in range(200)]
for connection in crowd:
    connection.close()
# One too many is closed without an answer, until the monitor has seen the end of the others.
for _ in range(1000):
    answer = ask(request(2))
    if answer:
        break
code, number = struct.unpack("iI", answer)
assert code == 0 and number > 0
PY
start job -- sleep 300
run python3 "$scratch/nonsense.py" "$state/sandboxes/job"
expect "nonsense on the monitor's socket is refused" 0
has_status job running
ok "and the sandbox goes on" $?
run setpriv --reuid=65534 --regid=65534 --clear-groups /usr/bin/python3 -c "import socket; socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect('$state/sandboxes/job/control')"
expect "another user does not get there" 1 'Permission denied'
verb kill job --all
within 10 gone job

# --- update ---
start job -- sleep 300
verb update job --limit max_memory_mb=64 --limit max_cpu_cores=0.5 --limit max_processes=20
expect "update says what has changed" 0 'max_memory_mb: 512 -> 64 MiB'
[ "$(cgroup_value job memory.limit_in_bytes memory.max)" = $((64 << 20)) ]
ok "memory" $? "$(cgroup_value job memory.limit_in_bytes memory.max)"
[ "$(cgroup_value job pids.max)" = 21 ] # and PID 1
ok "processes" $? "$(cgroup_value job pids.max)"
cgroup_value job cpu.cfs_quota_us cpu.max | grep -q '^50000'
ok "cpu" $?
[ "$(field job .resource_limits.max_memory_mb)" = 64 ]
ok "list shows it" $?
run "$agentcore" exec job "${where[@]}" -- /usr/bin/python3 -c 'x = bytearray(96 << 20)'
expect "and it is in force" 137
within 10 gone job
start job -- sleep 300
verb update job --json --limit max_memory_mb=1024
expect "update --json" 0 '"after": 1024'
run "$agentcore" exec job "${where[@]}" --limit max_memory_mb=700 -- /bin/true
expect "an execution may have as much as the sandbox has now" 0
for bad in max_memory_mb=0 max_memory_mb=-1 max_memory_mb=nan max_memory_mb=16000000 no_such_limit=1 max_memory_mb; do
	verb update job --limit "$bad"
	expect "update refuses $bad" 125 '--limit|max_memory_mb'
done
verb update job --limit max_file_descriptors=10
expect "update refuses what cannot be changed: descriptors" 125 'not of a live sandbox'
verb update job --limit max_memory_mb=64 --limit storage_quota_mb=10
expect "update refuses what cannot be changed: storage" 125 'not of a live sandbox'
[ "$(field job .resource_limits.max_memory_mb)" = 1024 ]
ok "and a refused update changes nothing" $?
verb update job
expect "update without a limit" 125 'nothing to change'
on_record "update is on record" '.event_type == "sandbox_update" and .result == "allowed" and (.changes | any(.limit == "max_memory_mb" and .after == 64))'
on_record "a refused one too" '.event_type == "sandbox_update" and .result == "failed"'
verb update job --limit max_execution_time_seconds=0.5
expect "update of the wall time" 0 '300 -> 0.5 seconds'
within 10 gone job
ok "it counts from the start: the sandbox ends" $?
on_record "by its wall time" '.event_type == "breach" and .resource == "wall_time" and .limit == 0.5'

# --- delete ---
start live -- /bin/sh -c 'trap "" TERM; sleep 300 & wait; sleep 300'
verb delete live --force
expect "delete --force" 0
gone live
ok "waits until nothing is left" $?
on_record "delete is on record" '.event_type == "sandbox_delete" and .sandbox_id == "live"'
start stopped -- sleep 300
monitor=$(field stopped .monitor)
kill -STOP "$monitor"
verb delete stopped --force
expect "delete --force of one whose monitor is stopped" 0
gone stopped && ! readlink "/proc/$monitor/exe" >/dev/null # a zombie has none
ok "ends the monitor too" $?

for id in dead1 dead2 dead3; do
	start "$id" -- sleep 300
done
start alive -- sleep 300
# They are sure to be dead when their locks are free, which is what stale means.
kill -KILL "$(field dead1 .monitor)" "$(field dead2 .monitor)" "$(field dead3 .monitor)"
for id in dead1 dead2 dead3; do
	within 10 has_status "$id" stale
	ok "$id is stale when its monitor was killed" $? "$(field "$id" .status)"
done
name=$(field dead1 .cgroup)
verb kill dead1
expect "kill of a stale one" 125 'delete'
verb delete dead1
expect "delete of a stale one" 0
[ -z "$(find /sys/fs/cgroup -type d -name "$name" 2>/dev/null)" ]
ok "its cgroup is gone" $?
start dead2 -- sleep 300
expect "an id can be used again when its sandbox is dead" 0 '^dead2$'
verb delete --stale
expect "delete --stale" 0 '^dead3$'
[ "$(field alive .status)$(field dead2 .status)" = runningrunning ]
ok "leaves the living alone" $?
gone dead3
ok "and none of the dead" $?
monitor=$(field alive .monitor)
echo '{' >"$state/sandboxes/alive/state.json"
list
expect "a damaged record is listed" 0 '^alive'
verb delete alive
expect "and named when it is to be deleted" 125 'state.json'
kill -KILL "$("$agentcore" list --json --root "$state" | jq -r '.[] | select(.id == "dead2") | .monitor')"
within 10 has_status dead2 stale
verb delete --stale
expect "delete --stale again" 0 'dead2'
mapfile -t left < <(find "$state/sandboxes" -mindepth 1 -maxdepth 1 -printf '%f\n')
[ "${left[*]}" = alive ]
ok "only the one with the damaged record is left" $? "${left[*]}"
kill -KILL "$monitor"
within 10 "$agentcore" delete alive "${where[@]}" --force 2>/dev/null
ok "delete --force removes it when its monitor is dead" $?
[ -z "$(ls "$state/sandboxes")" ]
ok "nothing is left at the end" $? "$(ls "$state/sandboxes")"

finish
