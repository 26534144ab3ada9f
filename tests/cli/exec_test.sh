#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# agentcore exec: statuses, limits of one execution inside those of its sandbox, the posture, and who dies with whom.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

state=$scratch/state
audit=$scratch/audit
chmod 755 "$scratch"
where=(--root "$state" --audit-dir "$audit")

# start ID OPTION... -- COMMAND...: in the background.
start() {
	local id=$1
	shift
	run "$agentcore" run "${where[@]}" --network none --detach --id "$id" "$@"
}

# execute ID [OPTION... --] COMMAND...
execute() {
	local id=$1
	shift
	run "$agentcore" exec "$id" "${where[@]}" "$@"
}

end() {
	"$agentcore" delete "$1" "${where[@]}" --force
}

# How many processes run "sleep WORD", inside or outside; the brackets keep this very grep from being counted.
sleepers() {
	cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -cx "[${1:0:1}]${1:1}"
}

alive() {
	[ "$(sleepers "$1")" -gt 0 ]
}

# Its command can run a moment before its record says so.
running() {
	"$agentcore" list "${where[@]:0:2}" | grep -q "^$1 .*running"
}

gone() {
	[ "$(sleepers "$1")" -eq 0 ]
}

# Cgroups of executions of the sandboxes of this test: their names carry the mark of the state directory.
execution_cgroups() {
	local name
	name=$("$agentcore" list --json --root "$state" | jq -r '.[0].cgroup')
	find /sys/fs/cgroup -type d -path "*/$name/exec-*" 2>/dev/null
}

no_execution_cgroups() {
	[ -z "$(execution_cgroups)" ]
}

on_record() {
	jq -se "any(.[]; (. + .metadata) | $2)" "$audit"/audit_*.jsonl >/dev/null
	ok "$1" $? "$(tail -n 5 "$audit"/audit_*.jsonl)"
}

# --- Statuses and streams ---
start box -- sleep 300
expect "a sandbox in the background" 0 '^box$'
execute box /bin/true
expect "a command that succeeds" 0
execute box -- /bin/sh -c 'exit 7'
expect "the command's own exit status" 7
execute box -- /bin/sh -c 'kill -TERM $$'
expect "128+n for a signal" 143
execute box no-such-command
expect "127 for a command that is not found" 127 'no-such-command'
execute box /etc/passwd
expect "126 for a file that is not executable" 126
run "$agentcore" exec "${where[@]}" box -- /bin/echo hello
expect "options may stand before the id" 0 '^hello$'
execute nobox /bin/true
expect "125 for a sandbox that is not there" 125 'no sandbox nobox'
execute box
expect "125 without a command" 125 'no command'
execute box --no-such-option /bin/true
expect "125 for an unknown option" 125 'no-such-option'
# shellcheck disable=SC2016  # for the shell inside
execute box --env GREETING=hello --cwd /tmp -- /bin/sh -c 'echo $GREETING in $PWD'
expect "--env and --cwd" 0 '^hello in /tmp$'
execute box --cwd /proc/self -- /bin/true
expect "a working directory in /proc is refused" 125 '/proc'
execute box --user 1000 -- /bin/true
expect "a user who could not hold the policy's capabilities is refused" 125 'capabilities'
run bash -c "echo fed | \"$agentcore\" exec box --root \"$state\" --audit-dir \"$audit\" -- /bin/cat"
expect "standard input comes through" 0 '^fed$'
execute box -t -- /bin/sh -c 'tty; ls -l /dev/fd/0'
expect "-t gives it a terminal of the sandbox" 0 '^/dev/pts/[0-9]+'
SECRET=leak execute box /usr/bin/env
! grep -q SECRET <<<"$output"
ok "a variable of the caller stays outside" $?
execute box /bin/sh -c 'echo one >/tmp/shared'
execute box /bin/cat /tmp/shared
expect "executions see the files of their sandbox" 0 '^one$'
execute box /bin/cat /proc/2/comm
expect "and its processes" 0 '^sleep$'
on_record "start and end of an execution are on record" '.event_type == "execution_exit" and .exit_status == 7'
on_record "with its command" '.event_type == "execution_start" and .command == ["/bin/true"]'

# --- The posture: the same as that of the first command ---
# shellcheck disable=SC2016  # for the shell inside
posture='grep -E "^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Sig(Blk|Ign|Cgt)|Umask|Cpus_allowed|TracerPid)" /proc/self/status
	cat /proc/self/limits /proc/self/oom_score_adj /proc/self/mountinfo
	for kind in user mnt pid net ipc uts cgroup time; do readlink /proc/self/ns/$kind; done
	ls /proc/self/fd; env | sort; pwd; id; hostname'
execute box -- /bin/sh -c "$posture"
expected=$output
start posture -- /bin/sh -c "{ $posture; } >/tmp/posture.new && mv /tmp/posture.new /tmp/posture; sleep 300"
written() {
	"$agentcore" exec posture "${where[@]}" -- /bin/sh -c 'test -e /tmp/posture'
}
within 10 written
execute posture /bin/cat /tmp/posture
# The descriptors of a shell's redirected group are its own: compare what an execution shows in the same way.
first=$output
execute posture -- /bin/sh -c "{ $posture; } >/tmp/second; cat /tmp/second"
diff <(printf '%s\n' "$first") <(printf '%s\n' "$output") >"$scratch/difference"
ok "capabilities, no_new_privs, seccomp, signals, limits, namespaces, descriptors, environment are those of CMD" $? "$(<"$scratch/difference")"
grep -q '^CapInh:	0000000000000000$' <<<"$output" && grep -q '^CapAmb:	0000000000000000$' <<<"$output"
ok "inheritable and ambient capabilities are empty" $?
grep -q '^Seccomp:	2$' <<<"$output" && grep -q '^NoNewPrivs:	1$' <<<"$output"
ok "a filter and no_new_privs are in force" $?
if has_apparmor; then
	execute posture cat /proc/self/attr/apparmor/current
	expect "the mandatory layer is in force: the sandbox's profile" 0 '^agentcore-default-standard \(enforce\)$'
else
	execute posture /bin/sh -c 'kill -0 2'
	expect "the mandatory layer is in force: no signal to processes of another domain" 1
fi
execute posture /bin/sh -c 'grep -c . /proc/self/cgroup; grep -q "memory:/exec" /proc/self/cgroup || ! grep -q process_api /proc/self/cgroup'
expect "no cgroup of the caller's is left, also where the execution has no limit of its own" 0
[ -n "$expected" ]
ok "the posture was seen" $?
end posture

# --- Nothing of what joins can be reached from inside before it is confined (CVE-2016-9962) ---
cat >"$scratch/watch.py" <<'PY'
import os
old = set(os.listdir("/proc"))
open("/tmp/ready", "w").close()

def read(pid, name):
    with open(f"/proc/{pid}/{name}") as file:
        return file.read()

# What each look returns of a process that has executed its command is harmless; what it says here is of one that has not.
looks = {
    # Their numbers can be listed during exec, just before they are closed; what they mean cannot be reached.
    "fd": lambda pid: [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd") if int(n) > 2],
    "exe": lambda pid: "agentcore" in os.readlink(f"/proc/{pid}/exe"),
    "maps": lambda pid: "agentcore" in read(pid, "maps"),
    "command line": lambda pid: "root" in read(pid, "cmdline"),
}
while True:
    for pid in os.listdir("/proc"):
        if not pid.isdigit() or pid in old:
            continue
        for name, look in looks.items():
            try:
                before = read(pid, "comm")
                found = look(pid)
                if found and before == read(pid, "comm") == "agentcore\n":
                    open("/tmp/escaped", "a").write(f"{name} of {pid}\n")
                elif before != "agentcore\n" and name != "command line":
                    open("/tmp/reached", "w").close()
            except OSError:
                pass
PY
# Without the mandatory layer, which alone would stop it too.
echo '{"security_profile": {"apparmor_profile": "unconfined"}}' >"$scratch/unconfined.json"
start watched --policy "$scratch/unconfined.json" --bind "$scratch/watch.py:/watch.py" -- /usr/bin/python3 /watch.py
expect "a sandbox that watches its /proc" 0
watching() {
	"$agentcore" exec watched "${where[@]}" -- /bin/sh -c 'test -e /tmp/ready'
}
within 20 watching
for _ in 1 2 3 4 5 6 7 8 9 10; do
	execute watched /bin/sleep 0.1
done
execute watched /bin/cat /tmp/escaped
expect "nothing of it is reached before it is confined" 1 'No such file'
execute watched /bin/ls /tmp/reached
expect "the control: afterwards it is" 0
end watched

# --- Limits of one execution ---
execute box --limit max_execution_time_seconds=0.3 -- /bin/sh -c 'trap "" TERM; (setsid sleep 31537001 &); kill -STOP $$; sleep 20'
expect "124 when the wall time of the execution is over" 124
gone 31537001
ok "nobody of it survives: stopped, deaf to SIGTERM or in a session of its own" $?
execute box /bin/true
expect "the sandbox goes on" 0
on_record "the breach is on record" '.event_type == "breach" and .resource == "wall_time" and .operation == "exec" and .limit == 0.3'
execute box --limit max_memory_mb=32 -- /bin/sh -c 'sleep 31537002 & /usr/bin/python3 -c "x = bytearray(64 << 20)"; sleep 31537002'
expect "137 when the memory of the execution is used up" 137
gone 31537002
ok "the whole execution dies" $?
execute box --limit max_memory_mb=128 -- /usr/bin/python3 -c 'x = bytearray(64 << 20)'
expect "the control: with more memory it lives" 0
on_record "the breach is on record" '.event_type == "breach" and .resource == "memory" and .operation == "exec" and .limit == 32'
execute box --limit max_processes=5 -- /bin/sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 2 & done; wait'
[ "$status" -ne 0 ]
ok "fork is refused at the process limit of the execution" $? "exit status $status"
execute box --limit max_processes=20 -- /bin/sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 0.1 & done; wait'
expect "the control: with more processes it is not" 0
execute box --limit max_file_descriptors=16 -- /bin/sh -c 'ulimit -n; ulimit -Hn'
expect "descriptors" 0 '^16$'
execute box --limit max_memory_mb=100000 -- /bin/true
expect "wider than the sandbox is refused" 125 'the sandbox has 512'
execute box --limit storage_quota_mb=1 -- /bin/true
expect "a limit of the whole sandbox is refused" 125 'not a limit of one execution'
execute box --limit max_memory_mb=-1 -- /bin/true
expect "a bad value is refused" 125 'range'
execute box -- /bin/sh -c '(setsid sleep 31537003 &) ; exit 3'
expect "the command's end" 3
gone 31537003
ok "is the end of all that it has started" $?
no_execution_cgroups
ok "no cgroup is left" $? "$(execution_cgroups)"

echo '{"execution_limits": {"max_execution_time_seconds": 4, "max_memory_mb": 32}}' >"$scratch/tiers.json"
start tiers --policy "$scratch/tiers.json" -- sleep 300
execute tiers /bin/sleep 20
expect "the policy's execution_limits: wall time" 124
execute tiers /usr/bin/python3 -c 'x = bytearray(64 << 20)'
expect "memory" 137
execute tiers /bin/true
expect "and the sandbox itself has the container's" 0
end tiers

# --- Who dies with whom ---
"$agentcore" exec box "${where[@]}" -- /bin/sh -c 'sleep 31537004 & (setsid sleep 31537004 &); sleep 31537004' </dev/null >/dev/null 2>&1 &
monitor=$!
within 10 alive 31537004
ok "an execution that goes on" $?
kill -KILL "$monitor"
{ wait "$monitor"; } 2>/dev/null
within 10 gone 31537004
ok "nobody of it survives a SIGKILL of its monitor" $?
within 10 no_execution_cgroups
ok "nor its cgroup" $? "$(execution_cgroups)"
execute box /bin/true
expect "and the sandbox goes on" 0

"$agentcore" exec box "${where[@]}" -- /bin/sh -c 'trap "exit 9" TERM; sleep 31537005 & wait' </dev/null >/dev/null 2>&1 &
monitor=$!
within 10 alive 31537005
kill -TERM "$monitor"
wait "$monitor"
status=$?
[ "$status" -eq 9 ]
ok "SIGTERM is forwarded to the command" $? "exit status $status"

"$agentcore" exec box "${where[@]}" -- sleep 31537006 </dev/null >/dev/null 2>&1 &
monitor=$!
within 10 alive 31537006
end box
wait "$monitor"
status=$?
[ "$status" -eq 137 ]
ok "an execution dies with its sandbox" $? "exit status $status"
gone 31537006
ok "all of it" $?

"$agentcore" run "${where[@]}" --network none --id plain -- sleep 31537007 </dev/null >/dev/null 2>&1 &
monitor=$!
within 10 running plain
execute plain /bin/true
expect "a sandbox in the foreground takes no executions" 125 'detach'
kill -KILL "$monitor"
{ wait "$monitor"; } 2>/dev/null
"$agentcore" delete --stale "${where[@]}" >/dev/null

finish
