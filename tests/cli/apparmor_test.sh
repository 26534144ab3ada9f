#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# AppArmor from the command line.  Where the kernel has none, that it is refused by name and never left out; where it has (make
# vm-check), that a profile which is missing, of other rules or only complaining is a refusal, each with its control.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

# Nothing is loaded here but by hand.
agentcore=$build/agentcore
where=(--root "$scratch/state" --audit-dir "$scratch/audit" --network none)
name="agentcore-clitest-standard"
policy=$scratch/policy.json
printf '{"agent_id": "clitest"}\n' >"$policy"
mkdir "$scratch/shown"

# shellcheck disable=SC2317  # by the trap
clean_up() {
	"$agentcore" delete --force box "${where[@]:0:4}" >/dev/null 2>&1
	drop_scratch
}
trap clean_up EXIT

start() {
	run "$agentcore" run "${where[@]}" --policy "$policy" "$@"
}
load() {
	run "$agentcore" profile load --policy "$policy" --network none "$@"
}

# The control of all refusals: the same sandbox without AppArmor.
start --mac landlock -- /bin/echo started
expect "Landlock by name" 0 '^started$'

if ! has_apparmor; then
	start --mac apparmor -- /bin/echo started
	expect "AppArmor by name is refused" 125 'not in this kernel'
	[ -z "$output" ]
	ok "and nothing runs" $?
	load
	expect "a profile cannot be loaded" 125 'not in this kernel'
	finish
	exit
fi

start -- /bin/echo started
expect "a missing profile is a refusal" 125 'is not loaded.*agentcore profile load'
[ -z "$output" ]
ok "and nothing runs" $?
load
expect "the profile is loaded" 0 "^$name\$"
start -- cat /proc/self/attr/apparmor/current
expect "the command is under it" 0 "^$name \\(enforce\\)\$"
start -- /bin/sh -c 'echo x >/tmp/a && cat /tmp/a'
expect "and works" 0 '^x$'

start --bind "$scratch/shown:/shown" -- /bin/echo started
expect "a bind that the profile does not have is a refusal" 125 "other than this policy's"
load --bind "$scratch/shown:/shown"
start --bind "$scratch/shown:/shown" -- /bin/echo started
expect "and none with it" 0 '^started$'
start -- /bin/echo started
expect "the profile is another one now" 125 "other than this policy's"
load

# As somebody else would load it: the same rules, which only complain.
"$agentcore" profile generate --policy "$policy" --apparmor --output "$scratch/profiles" >"$scratch/path"
sed 's/mediate_deleted)/mediate_deleted,complain)/' "$(cat "$scratch/path")" | apparmor_parser --replace --skip-cache
ok "a profile that complains is loaded" $?
start -- /bin/echo started
expect "and is a refusal" 125 'not enforced'
[ -z "$output" ]
ok "nothing runs under it" $?
load
start -- /bin/echo started
expect "loaded as it should be, it is none" 0 '^started$'

start --detach --id box -- sleep 60
run "$agentcore" exec box "${where[@]:0:4}" -- cat /proc/self/attr/apparmor/current
expect "an execution is under it" 0 "^$name \\(enforce\\)\$"
run "$agentcore" profile unload "$name"
expect "the profile is taken away" 0 ''
run "$agentcore" exec box "${where[@]:0:4}" -- /bin/echo started
expect "and no execution starts without it" 125 'is not loaded'
[ -z "$output" ]
ok "nothing of it runs" $?
run "$agentcore" profile unload not-ours
expect "others' profiles are left alone" 125 'no profile of agentcore'
finish
