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

printf '{"security_profile": {"apparmor_profile": "unconfined"}}\n' >"$scratch/unconfined.json"
run "$agentcore" run "${where[@]}" --policy "$scratch/unconfined.json" -- /bin/echo started
expect "a policy may ask for no mandatory layer" 0 '^started$'
for module in apparmor landlock; do
	run "$agentcore" run "${where[@]}" --policy "$scratch/unconfined.json" --mac "$module" -- /bin/echo started
	expect "but not with --mac $module" 125 'unconfined'
done
printf '{"security_profile": {"apparmor_fallback": "refuse"}}\n' >"$scratch/refuse.json"
run "$agentcore" run "${where[@]}" --policy "$scratch/refuse.json" --mac landlock -- /bin/echo started
expect "--mac landlock where the policy refuses it" 125 'apparmor_fallback'

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

# A kernel that leaves a kind of rule out says nothing of it when the profile is loaded.
features=/sys/kernel/security/apparmor/features
mkdir "$scratch/features" && cp -r "$features/." "$scratch/features" 2>/dev/null
for kind in none mount; do
	rm -rf "$scratch/features/$kind"
	run unshare --mount bash -c "mount --bind '$scratch/features' $features && exec \"\$@\"" - \
		"$agentcore" run "${where[@]}" --policy "$policy" -- /bin/echo started
	if [ "$kind" = none ]; then
		expect "a kernel that knows all kinds of rules" 0 '^started$'
	else
		expect "one that does not know $kind is refused" 125 "\"$kind\".*--mac landlock"
	fi
done

# What changes the machine for others too.
if [ -n "${THROWAWAY_MACHINE:-}" ]; then
	# All profiles at once, which neither their list nor a label shows.
	mode=/sys/module/apparmor/parameters/mode
	printf complain >"$mode"
	start -- /bin/echo started
	expect "AppArmor that only complains as a whole is a refusal" 125 'as a whole'
	[ -z "$output" ]
	ok "nothing runs then" $?
	printf enforce >"$mode"
	start -- /bin/echo started
	expect "and none when it enforces again" 0 '^started$'

	# Anybody can be first to make that directory in /tmp; whoever is may not keep others from loading.
	mkdir -p /tmp/agentcore-profiles && chown 1000 /tmp/agentcore-profiles
	"$agentcore" profile unload "$name"
	load
	expect "a directory of somebody else's is refused" 125 'agentcore-profiles.*--output'
	load --output "$scratch/profiles"
	expect "another directory" 0 "^$name\$"
	[ -s "$scratch/profiles/apparmor/clitest-standard.profile" ]
	ok "has the text" $?
	chown 0 /tmp/agentcore-profiles
fi

# docker-default, in force: where files are left to the mounts, and what it denies.
printf '{"agent_id": "clidocker", "security_profile": {"apparmor_profile": "docker-default"}}\n' >"$scratch/docker.json"
run "$agentcore" profile load --policy "$scratch/docker.json" --network none
expect "docker-default is loaded" 0 '^agentcore-clidocker-standard$'
for deed in 'cat /sys/firmware/acpi/tables/DSDT' 'cat /sys/kernel/security/lsm' 'mount -t tmpfs none /mnt' \
	'python3 -c "import os; os.chroot(\"/usr\")"' ': >>/proc/sys/kernel/sysrq'; do
	# The layer alone: all others would refuse as well.
	run "$agentcore" run "${where[@]}" --policy "$scratch/docker.json" --only-layer mac -- /bin/sh -c "$deed >/dev/null && echo done"
	[ "$status" -ne 0 ] && [ "$status" -lt 125 ] && [ -z "$output" ]
	ok "docker-default denies: $deed" $?
	run "$agentcore" run "${where[@]}" --policy "$scratch/unconfined.json" --only-layer mac -- /bin/sh -c "$deed >/dev/null && echo done"
	expect "and unconfined it works" 0 '^done$'
done
run "$agentcore" run "${where[@]}" --policy "$scratch/docker.json" --only-layer mac -- /bin/sh -c 'cp /bin/true /tmp/x && /tmp/x && ls /var /root >/dev/null && echo done'
expect "docker-default leaves files to the mounts" 0 '^done$'
run "$agentcore" profile unload agentcore-clidocker-standard
expect "and is taken away" 0 ''

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
