#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# agentcore audit-log: exit statuses and output.  The logs are damaged by the ordinary tools of a shell.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

zeros=$(printf '0%.0s' {1..64})
log=$scratch/audit

# new_log N: a log of N lines, as its writers leave it, made without them.
new_log() {
	local previous=$zeros line='' file=audit_2020-03-01.jsonl n
	rm -rf "$log" && mkdir -m 700 "$log"
	for ((n = 1; n <= $1; n++)); do
		line='{"timestamp":"2020-03-01T12:00:0'$n'.000000Z","event_type":"'$([ $((n % 2)) = 1 ] && echo sandbox_start || echo breach)
		line+='","sandbox_id":"box'$n'","agent_id":"demo","operation":"run","resource":null,"permission":null,"result":"allowed",'
		line+='"reason":"bell \u0007 \"quoted\"","metadata":{},"sequence":'$n',"previous":"'$previous'"}'
		printf '%s\n' "$line" >>"$log/$file"
		previous=$(printf '%s' "$line" | sha256sum | cut -d ' ' -f 1)
	done
	printf 'agentcore-audit-head 1 sequence %020d digest %s file %s size %020d first %020d\n' "$1" "$previous" "$file" \
		"$(stat -c %s "$log/$file")" 1 >"$log/head"
}

audit_log() {
	run "$agentcore" audit-log "$@"
}

new_log 4
audit_log verify --audit-dir "$log"
expect "an intact log, its digests made by sha256sum" 0 ': intact; files 1, lines 4, problems 0$'
audit_log verify --audit-dir "$log" --json
expect "--json" 0
jq -e '.intact and .lines == 4 and .files == 1 and .problems == 0 and .messages == []' <<<"$output" >/dev/null
ok "--json is one object" $?

sed -i '2s/box2/boxx/' "$log/audit_2020-03-01.jsonl"
audit_log verify --audit-dir "$log"
expect "a changed line" 1 '^audit_2020-03-01.jsonl:3: it does not carry the digest of the line before it'
audit_log verify --audit-dir "$log" --json
expect "a changed line, --json" 1
jq -e '(.intact | not) and .problems == 1 and (.messages | length) == 1' <<<"$output" >/dev/null
ok "--json has the problem" $?
new_log 4
sed -i 2d "$log/audit_2020-03-01.jsonl"
audit_log verify --audit-dir "$log"
expect "a removed line" 1 'audit_2020-03-01.jsonl:2: line 3 follows line 1'
new_log 4
sed -i '$d' "$log/audit_2020-03-01.jsonl"
audit_log verify --audit-dir "$log"
expect "a cut-off end" 1 'head: line 4 was the last, and the log ends with 3'
rm "$log/head"
audit_log verify --audit-dir "$log"
expect "no head" 1 'head: it is missing'
audit_log verify --audit-dir "$scratch/absent"
expect "no directory" 125 'absent.*--audit-dir'
audit_log verify --audit-dir "$log/head"
expect "no directory, but a file" 125

new_log 4
audit_log show --audit-dir "$log"
expect "show" 0 '^2020-03-01T12:00:01.000000Z +sandbox_start +box1 +run +allowed'
[ "$(wc -l <<<"$output")" = 4 ]
ok "show prints one line for each event" $?
! grep -q $'\a' <<<"$output" && grep -qF '\u0007 "quoted"' <<<"$output"
ok "show escapes what a terminal would act on" $?
audit_log show --audit-dir "$log" --type breach --since 2020-03-01T12:00:03
[ "$status" -eq 0 ] && [ "$(wc -l <<<"$output")" = 1 ] && grep -q box4 <<<"$output"
ok "--type and --since" $? "$output"
audit_log show --audit-dir "$log" --sandbox box3
[ "$status" -eq 0 ] && [ "$(wc -l <<<"$output")" = 1 ] && grep -q box3 <<<"$output"
ok "--sandbox" $? "$output"
audit_log show --audit-dir "$log" --since 2020-03-02
[ "$status" -eq 0 ] && [ -z "$output" ]
ok "--since a later day" $? "$output"
echo '{}' >>"$log/audit_2020-03-01.jsonl"
audit_log show --audit-dir "$log"
expect "a line that cannot be read" 1 '1 of its lines cannot be read'
audit_log show --audit-dir "$scratch/absent"
expect "show without a directory" 125

audit_log --help
expect "--help" 0 'agentcore audit-log verify \|\| '
for words in '' 'frobnicate' 'verify again' 'verify --type breach' 'show --json' 'show --since yesterday' 'verify --no-such'; do
	# shellcheck disable=SC2086  # words
	audit_log $words
	expect "bad usage: audit-log $words" 125 'agentcore audit-log --help'
done
run "$agentcore" --help
expect "the command is in the list" 0 '^ +audit-log '
# shellcheck disable=SC2016  # expanded by the inner shell
run bash -c '"$0" audit-log verify --audit-dir "$1" >/dev/full' "$agentcore" "$log"
expect "a full disk of its own output" 125

finish
