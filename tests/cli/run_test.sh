#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# agentcore run: exit statuses, streams, environment, options.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

sandboxed /bin/true
expect "a command that succeeds" 0
sandboxed /bin/sh -c 'exit 7'
expect "the command's own exit status" 7
sandboxed /bin/sh -c 'kill -TERM $$'
expect "128+n for a signal" 143
sandboxed /bin/sh -c 'kill -KILL $$'
expect "128+9 for SIGKILL" 137
sandboxed python3 -c 'import os; os.abort()'
expect "128+6 for abort()" 134
sandboxed no-such-command
expect "127 for a command that is not found" 127 'no-such-command'
sandboxed /etc/passwd
expect "126 for a file that is not executable" 126 '/etc/passwd'
run "$agentcore" run --network none --limit max_execution_time_seconds=1 -- /bin/sleep 20
expect "124 when the wall time is over" 124

run "$agentcore"
expect "125 and usage without a subcommand" 125 '[Uu]sage'
run "$agentcore" frobnicate
expect "125 for an unknown subcommand" 125 'frobnicate'
run "$agentcore" run --no-such-option -- /bin/true
expect "125 for an unknown option" 125 'no-such-option'
run "$agentcore" run --network none
expect "125 without a command" 125
run "$agentcore" run --profile standrad -- /bin/true
expect "125 and a suggestion for a misspelt profile" 125 'standard'
run "$agentcore" run --policy "$scratch/absent.json" -- /bin/true
expect "125 for a policy file that is not there" 125 'absent.json'
echo '{"resource_limits": {"max_memory": 64}}' >"$scratch/bad.json"
run "$agentcore" run --policy "$scratch/bad.json" -- /bin/true
expect "125, file, path and suggestion for a bad policy" 125 'bad.json.*resource_limits.*max_memory_mb'

run "$agentcore" --help
expect "--help" 0 'run'
run "$agentcore" run --help
expect "run --help" 0 '--policy'
run "$agentcore" --version
expect "--version" 0 '[0-9]+\.[0-9]+'

sandboxed /bin/sh -c 'echo to-out; echo to-err >&2'
expect "both streams come through" 0 'to-err'
[ "$output" = to-out ]
ok "standard output holds nothing else" $? "$output"
[ "$errors" = to-err ]
ok "standard error holds nothing else" $? "$errors"
run bash -c "echo fed | \"$agentcore\" run --network none -- /bin/cat"
expect "standard input comes through" 0 '^fed$'

SECRET=leak sandboxed /usr/bin/env
expect "the environment is cleared" 0 '^PATH='
! grep -q SECRET <<<"$output"
ok "a variable of the caller stays outside" $?
run "$agentcore" run --network none --env GREETING=hello -- /usr/bin/env
expect "--env adds" 0 '^GREETING=hello$'
run "$agentcore" run --network none --cwd /tmp -- /bin/pwd
expect "--cwd" 0 '^/tmp$'
run "$agentcore" run --profile minimal --network none --user 1000:1000 -- /usr/bin/id -u
expect "--user" 0 '^1000$'
run "$agentcore" run --profile standard --network none --user 1000:1000 -- /usr/bin/id -u
expect "a user who could not hold the policy's capabilities is refused" 125 'capabilities'
mkdir "$scratch/shared" && echo data >"$scratch/shared/file" && chmod 755 "$scratch"
run "$agentcore" run --network none --bind "$scratch/shared:/shared:ro" -- /bin/cat /shared/file
expect "--bind" 0 '^data$'
run "$agentcore" run --network none --bind "$scratch/shared:/shared:ro" -- /bin/sh -c 'echo x >/shared/file'
expect "--bind with ro cannot be written" 2
# Under minimal what can be written is not executed, a bind neither: not by execve, not by the dynamic linker.
cp /bin/true "$scratch/shared/program" && cp "$(ldconfig -p | sed -n 's/.*libm\.so\.6 .*x86-64.* => //p' | head -1)" "$scratch/shared/library"
chown -R 1234:1234 "$scratch/shared"
# shellcheck disable=SC2016  # for the shell inside
in_bind='/shared/program && echo executed; LD_PRELOAD=/shared/library /bin/true 2>&1 | grep -q "cannot be preloaded" && echo refused || echo mapped'
run "$agentcore" run --profile standard --network none --bind "$scratch/shared:/shared:rw" -- /bin/sh -c "$in_bind"
expect "what a bind holds is executed" 0 '^executed$' && expect "and mapped" 0 '^mapped$'
run "$agentcore" run --profile minimal --network none --bind "$scratch/shared:/shared:rw" -- /bin/sh -c "$in_bind"
expect "under minimal, what can be written is not mapped" 0 '^refused$' && expect "and not executed" 0 'program: Permission denied'
run "$agentcore" run --profile minimal --network none --bind "$scratch/shared:/shared:ro" -- /bin/sh -c "$in_bind"
expect "but where it is read-only" 0 '^executed$'
# Without its layer the host's files are in the sandbox, but what it writes there is its own.
run "$agentcore" run --only-layer rlimits --network none -- /bin/sh -c 'echo inside >/etc/agentcore-test && cat /etc/agentcore-test && cat /etc/hostname >/dev/null'
expect "a test of one layer alone writes below /etc" 0 '^inside$'
[ ! -e /etc/agentcore-test ]
ok "and not into the host's" $?
rm -f /etc/agentcore-test
for profile in minimal standard privileged; do
	run "$agentcore" run --profile "$profile" --network none -- /bin/sh -c 'echo alive'
	if [ "$profile" = privileged ] && ! shifts_owners; then
		expect "the $profile profile is refused" 125 'cannot shift owners'
	else
		expect "the $profile profile starts" 0 '^alive$'
	fi
done
echo '{"security_profile": {"apparmor_fallback": "refuse"}}' >"$scratch/refuse.json"
if [ ! -d /sys/kernel/security/apparmor ]; then
	run "$agentcore" run --policy "$scratch/refuse.json" --network none -- /bin/true
	expect "a policy that cannot be enforced is refused" 125 'AppArmor'
fi

finish
