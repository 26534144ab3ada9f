#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every root file system of fixtures/rootfs: the sandbox starts with everything where it belongs, or is refused with a
# message.  It never hangs, and changes neither the host nor the tree that it was given.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

[ "$(id -u)" -eq 0 ] || { echo "1..0 # needs root" && exit 0; }

# What is asked inside, and what the answers must hold.
questions='1 device-node /dev/null
2 file-open /proc/self/status r
3 file-open /proc/sys/kernel/core_pattern w
4 file-change create /etc /etc/passwd
5 file-change create /tmp /tmp
6 path-cwd
'
answers=(
	'"id":1,.*"node":"c 1:3"'
	'"id":2,.*"errno":0'
	'"id":3,.*"ret":-1'
	'"id":4,.*"ret":-1'
	'"id":5,.*"errno":0'
	'"id":6,.*"place":"inside"'
)

tree_of() {
	find "$1" -printf '%P %y %m %s %l\n' | sort
}

host_of() {
	cat /proc/sys/kernel/core_pattern /etc/passwd
	stat -c '%n %a %s %Y' /etc /etc/passwd /dev/null
}

# in_place: of the last run; names the first answer that is missing.
in_place() {
	local answer
	for answer in "${answers[@]}"; do
		grep -qE -- "$answer" "$scratch/output" || { echo "no $answer" && return 1; }
	done
}

host=$(host_of)
started=0
refused=0
for recipe in $("$root/fixtures/rootfs/make" list); do
	mkdir -m 755 "$scratch/root"
	"$root/fixtures/rootfs/make" "$recipe" "$scratch/root" "$build/probe"
	before=$(tree_of "$scratch/root")
	timeout -k 5 20 "$agentcore" run --rootfs "$scratch/root" -- /bin/probe serve hostile \
		<<<"$questions" >"$scratch/output" 2>"$scratch/errors"
	status=$?
	case $status in
	0)
		detail=$(in_place)
		ok "$recipe: started, and everything is in its place" $? "$detail"
		started=$((started + 1))
		;;
	125)
		[ -s "$scratch/errors" ]
		ok "$recipe: refused with a message" $? "no message"
		refused=$((refused + 1))
		;;
	*) ok "$recipe: started or refused" 1 "exit status $status: $(head -c 200 "$scratch/errors")" ;;
	esac
	[ "$before" = "$(tree_of "$scratch/root")" ]
	ok "$recipe: the tree is as it was" $?
	chmod -R u+rwX "$scratch/root"
	rm -rf "$scratch/root"
done

# A command that leads to the runtime's own program must not run it: its image could be overwritten (CVE-2019-5736).
while read -r recipe command; do
	mkdir -m 755 "$scratch/root"
	"$root/fixtures/rootfs/make" "$recipe" "$scratch/root" "$build/probe"
	run "$agentcore" run --rootfs "$scratch/root" -- "$command" list
	expect "$recipe: the runtime's program is not run inside" 126 'stage execute'
	rm -rf "$scratch/root"
done <<'END'
command-link /app
command-interpreter /app/run
END

# Nor where neither AppArmor nor Landlock holds the command, nor a user namespace keeps it from the host's files.
printf '{"security_profile": {"profile_name": "privileged", "apparmor_profile": "unconfined", "user_namespace": false}}' >"$scratch/bare.json"
mkdir -m 755 "$scratch/root"
"$root/fixtures/rootfs/make" command-interpreter "$scratch/root" "$build/probe"
run "$agentcore" run --policy "$scratch/bare.json" --network none --rootfs "$scratch/root:root-owned" -- /app/run list
expect "unconfined: the runtime's program is not run inside" 126 'stage execute'
AGENTCORE_FAULT=skip:own-program run "$faulty" run --policy "$scratch/bare.json" --network none --rootfs "$scratch/root:root-owned" -- /app/run list
expect "but without the stage own-program it is" 125
rm -rf "$scratch/root"

[ "$host" = "$(host_of)" ]
ok "the host is as it was" $?
[ "$started" -gt 0 ] && [ "$refused" -gt 0 ]
ok "some were started and some refused" $? "$started started, $refused refused"
finish
