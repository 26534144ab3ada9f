#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The network as a user meets it: modes, allowed hosts, what refusals look like, what is left.  Everything runs on the test
# internet's host (fixtures/network/README.md), never in this machine's own network namespace.  That rules hold is the suite's to prove.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

audit=$scratch/audit
state=$scratch/state
mkdir -m 700 "$state"
chmod 755 "$scratch"

coproc INTERNET { exec "$build/testnet" serve 2>"$scratch/testnet.errors"; }
internet=$INTERNET_PID
# Whatever happens, no sandbox outlives the test, nor does its internet.
leave() {
	"$agentcore" delete doomed --force --root "$state" --audit-dir "$audit" >/dev/null 2>&1
	for ((i = 0; i < 20; i++)); do
		[ -d "$scratch/small/sandboxes/kept$i" ] && "$agentcore" delete "kept$i" --force --root "$scratch/small" --audit-dir "$audit"
	done
	kill "$internet" 2>/dev/null
	wait "$internet"
	drop_scratch
}
trap leave EXIT
read -rt 20 -u "${INTERNET[0]}" ready
host=$(jq -r .pids.host <<<"$ready")
[ "$host" -gt 1 ] && [ "$(readlink "/proc/$host/ns/net")" != "$(readlink /proc/self/ns/net)" ]
ok "the test internet is apart from this machine" $? "$ready $(<"$scratch/testnet.errors")"
[ "$failed" -eq 0 ] || { finish; exit 1; }

# In front of a command: in the test internet's host.
on_host=(nsenter --net="/proc/$host/ns/net")

# start OPTION... -- COMMAND...: a sandbox on the test internet's host.
start() {
	run "${on_host[@]}" "$agentcore" run --root "$state" --audit-dir "$audit" --dns 198.51.100.53 "$@"
}

# What of ours is on the host: links go when the kernel comes round to it.
links() {
	"${on_host[@]}" ip -o link | cut -d: -f2 | grep ' ac-'
}
no_links() {
	[ -z "$(links)" ]
}
forwarding() {
	# shellcheck disable=SC2016  # the other shell's
	"${on_host[@]}" bash -c 'for device in all default lo up0 lan0; do echo "$device $(<"/proc/sys/net/ipv4/conf/$device/forwarding")"; done'
}
rules_before=$("${on_host[@]}" nft list ruleset)
forwarding_before=$(forwarding)

# say HOST PORT: send a line, print the answer's lines.
say='import socket,sys
s=socket.create_connection((sys.argv[1],int(sys.argv[2])),3)
s.sendall(b"hello\n"); s.shutdown(1)
print(s.makefile().read())'

start --network restricted --allow-host api.example.test --allow-host 10.9.0.0/24 -- python3 -c "$say" api.example.test 443
expect "an allowed name is reached" 0 '^hello$'
start --network restricted --allow-host api.example.test --allow-host 10.9.0.0/24 -- python3 -c "$say" 10.9.0.5 80
expect "an allowed network is reached" 0 '^hello$'
start --network restricted --allow-host api.example.test --allow-host 10.9.0.0/24 -- python3 -c "$say" 198.51.100.99 80
expect "another address is refused at once" 1 'Connection refused|Permission denied|prohibited'
start --network restricted --allow-host api.example.test -- python3 -c "$say" web.example.test 80
expect "another name does not resolve" 1 'gaierror'
start --allow-host 198.51.100.80:8080 -- python3 -c "$say" 198.51.100.80 8080
expect "a port that is allowed" 0 '^hello$'
start --allow-host 198.51.100.80:8080 -- python3 -c "$say" 198.51.100.80 8081
expect "a port that is not" 1
start --network full -- python3 -c "$say" 198.51.100.99 80
expect "full reaches what is public" 0 '^hello$'
start --network full -- python3 -c "$say" 169.254.169.254 80
expect "full does not reach metadata" 1
start --network full -- python3 -c "$say" web.example.test 80
expect "full resolves every name" 0 '^hello$'
start --network none -- python3 -c "$say" 198.51.100.99 80
expect "none reaches nothing" 1 'unreachable'
start --network restricted -- python3 -c "$say" 198.51.100.99 80
expect "restricted with no host reaches nothing" 1 'unreachable'

start --allow-host 198.51.100.0/24 --limit max_network_requests=2 -- python3 -c "import socket
for i in range(4):
    try:
        socket.create_connection(('198.51.100.80', 80), 3); print('through')
    except OSError as e: print('refused')"
[ "$output" = $'through\nthrough\nrefused\nrefused' ]
ok "the third request of two is refused" $? "$output"
jq -se 'any(.[]; .event_type == "breach" and .resource == "network_requests")' "$audit"/audit_*.jsonl >/dev/null
ok "which is on record as a breach" $?
jq -se 'any(.[]; .event_type == "network_denied" and .resource == "tcp 198.51.100.99:80" and .reason == "unlisted")' "$audit"/audit_*.jsonl >/dev/null
ok "a refused flow is on record" $? "$(grep -h network_denied "$audit"/audit_*.jsonl | tail -3)"
jq -se 'any(.[]; .event_type == "name_denied" and .resource == "web.example.test")' "$audit"/audit_*.jsonl >/dev/null
ok "a refused name is on record" $?
jq -se '[.[] | select(.event_type == "sandbox_exit" and .metadata.network_admitted == 2 and .metadata.network_refused >= 2)] | length > 0' "$audit"/audit_*.jsonl >/dev/null
ok "the end has the exact sums" $? "$(grep -h sandbox_exit "$audit"/audit_*.jsonl | tail -1)"

for bad in 169.254.169.254 0177.0.0.1 2130706433 1.2.3 127.0.0.1 224.0.0.1 10.0.0.1/8 '*' '-x.example' 'a b' 'x.example:0' '[::1]:80'; do
	start --allow-host "$bad" -- /bin/echo started
	expect "--allow-host $bad is refused" 125 'allowed_hosts'
	[ -z "$output" ]
	ok "--allow-host $bad starts nothing" $?
done
start --network none --allow-host 198.51.100.80 -- /bin/true
expect "hosts without a network are refused" 125 'say --network restricted'
start --network-pool 10.213.0.0/30 --network full -- /bin/true
expect "a pool that is too small" 125 'network-pool'
start --network-pool 203.0.113.0/24 --network full -- /bin/true
expect "a pool that the host has already" 125 '203\.0\.113'
run "${on_host[@]}" setpriv --reuid 65534 --clear-groups "$build/agentcore" run --network full -- /bin/true
expect "without permission" 125 "root"

start --allow-host 198.51.100.80 -- cat /etc/resolv.conf
expect "no names, no name server" 0 '^# no name server'
start --allow-host '*.wild.example.test' -- python3 -c "import socket
print(socket.gethostbyname('a.b.wild.example.test'))
try: socket.gethostbyname('wild.example.test')
except OSError: print('not itself')"
expect "subdomains, not the name itself" 0 '^not itself$'

# A stage that fails: nothing runs, and the router goes again.
for stage in uplink another-processor address link resolver no-ipv6 resolver-sockets await-link await-resolver execute; do
	AGENTCORE_FAULT=fail:$stage run "${on_host[@]}" "$faulty" run --root "$state" --audit-dir "$audit" --dns 198.51.100.53 \
		--allow-host api.example.test -- /bin/echo started
	[ "$status" -ge 125 ] && [ "$status" -le 126 ] && [ -z "$output" ]
	ok "a failure of $stage ends the start" $? "exit status $status: $output $errors"
	[ "$("${on_host[@]}" nft list ruleset)" = "$rules_before" ]
	ok "and leaves no rules" $?
done

# A crowd shares one router, and the last one takes it away.
crowd=${CROWD:-100}
pids=()
for ((i = 0; i < crowd; i++)); do
	"${on_host[@]}" "$agentcore" run --root "$state" --audit-dir "$audit" --allow-host 198.51.100.80 --limit storage_quota_mb=8 --id "net$i" -- \
		/bin/bash -c "exec 3<>/dev/tcp/198.51.100.80/$((9000 + i)) && read -r answer <&3 && echo \"\$answer\"" \
		</dev/null >"$scratch/crowd$i" 2>&1 &
	pids+=($!)
done
good=0
for ((i = 0; i < crowd; i++)); do
	wait "${pids[i]}" && [ "$(<"$scratch/crowd$i")" = "testnet world 198.51.100.80 $((9000 + i))" ] && good=$((good + 1))
done
[ "$good" -eq "$crowd" ]
ok "$crowd at once" $? "$good: $(sort "$scratch"/crowd* | grep -v '^testnet' | head -5)"

within 5 no_links && [ "$("${on_host[@]}" nft list ruleset)" = "$rules_before" ] && [ "$(forwarding)" = "$forwarding_before" ]
ok "the host's links, rules and forwarding are as before" $? "$(links) $("${on_host[@]}" nft list ruleset | diff - <(echo "$rules_before"))"
! grep -q "$state" /proc/self/mounts
ok "no mount is left" $? "$(grep "$state" /proc/self/mounts)"

# A pool with one place left: whoever takes it comes after another, and must not inherit its connections.
small=(--root "$scratch/small" --audit-dir "$audit" --network-pool 10.216.0.0/28 --only-layer network)
kept=0
while [ "$kept" -lt 20 ]; do
	run "${on_host[@]}" "$agentcore" run "${small[@]}" --allow-host 198.51.100.80 --detach --id "kept$kept" -- sleep 300
	[ "$status" -eq 0 ] || break
	kept=$((kept + 1))
done
expect "an empty pool is a refusal that says what to do" 125 'network-pool'
[ "$kept" -eq 10 ]
ok "a /28 has ten places" $? "$kept"
"$agentcore" delete kept0 --force --root "$scratch/small" --audit-dir "$audit"
# same_flow PROGRAM HOST: one datagram, always from the same port to the same; what came back.
same_flow() {
	run "${on_host[@]}" "$1" run "${small[@]}" --allow-host "$2" -- python3 -c "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 5555)); s.settimeout(1); s.connect(('198.51.100.80', 9999)); s.send(b'flow')
print(s.recv(100).decode())"
}
same_flow "$agentcore" 198.51.100.80
expect "the first sandbox of an address has its connection" 0 '^flow'
same_flow "$agentcore" 198.51.100.10
expect "the next one does not inherit it" 1 'No route|refused|timed out'
for ((i = 1; i < kept; i++)); do
	"$agentcore" delete "kept$i" --force --root "$scratch/small" --audit-dir "$audit"
done
# The same with a router that lets whatever is established pass: the check above must see that.
kept=0
export AGENTCORE_FAULT=break:net-established
while [ "$kept" -lt 9 ]; do
	"${on_host[@]}" "$faulty" run "${small[@]}" --allow-host 198.51.100.80 --detach --id "kept$kept" -- sleep 300 >/dev/null || break
	kept=$((kept + 1))
done
same_flow "$faulty" 198.51.100.80
expect "control: without the mark the first one has its connection" 0 '^flow'
same_flow "$faulty" 198.51.100.10
expect "control: and the next one inherits it" 0 '^flow'
unset AGENTCORE_FAULT
for ((i = 0; i < kept; i++)); do
	"$agentcore" delete "kept$i" --force --root "$scratch/small" --audit-dir "$audit"
done

# A monitor that is killed: its sandbox is closed, and delete removes what it left.
"${on_host[@]}" "$agentcore" run --root "$state" --audit-dir "$audit" --allow-host 198.51.100.80 --detach --id doomed -- sleep 300 >/dev/null
monitor=$("${on_host[@]}" "$agentcore" list --root "$state" --json | jq -r '.[] | select(.id == "doomed") | .monitor')
kill -KILL "$monitor"
within 10 bash -c "! kill -0 $monitor 2>/dev/null"
run "${on_host[@]}" "$agentcore" delete doomed --root "$state" --audit-dir "$audit"
expect "what a killed monitor left is deleted" 0
within 5 no_links
ok "and the router with it" $? "$(links)"
[ "$("${on_host[@]}" nft list ruleset)" = "$rules_before" ] && [ "$(forwarding)" = "$forwarding_before" ]
ok "and its rules and forwarding" $?
finish
