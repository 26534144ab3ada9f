#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# agentcore-conformance: subcommands and exit codes (0 conformant, 1 not, 2 usage, 3 incomplete, 4 harness error).
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

run "$conformance"
expect "2 and usage without a subcommand" 2 '[Uu]sage'
run "$conformance" frobnicate
expect "2 for an unknown subcommand" 2 'frobnicate'
run "$conformance" run --no-such-option
expect "2 for an unknown option" 2
run "$conformance" --help
expect "--help" 0 'run'
run "$conformance" run --help
expect "run --help" 0 '--runtime'
run "$conformance" --version
expect "--version" 0 '[0-9]+\.[0-9]+'

run "$conformance" list
expect "list" 0 'seccomp\.standard\.'
run "$conformance" list --json
expect "list --json" 0
jq -es 'flatten | length > 1000 and all(.[]; has("id"))' "$scratch/output" >/dev/null
ok "list --json is JSON and has an id in each entry" $?
run "$conformance" runtimes
expect "runtimes" 0 'crun'
id=$(jq -rs 'flatten | .[0].id' <<<"$("$conformance" list --json)")
run "$conformance" show "$id"
expect "show ID" 0 "$id"
run "$conformance" show no.such.requirement
expect "2 for a requirement that is not there" 2 'no.such.requirement'

run "$conformance" run --runtime "$scratch/no-such-runtime" --adapter oci --suite no_new_privs
[ "$status" -ge 2 ]
ok "a runtime that is not there is neither conformant nor judged" $? "exit status $status"
run "$conformance" run --runtime "$agentcore" --adapter agentcore --profile standard --suite no_new_privs \
	--jsonl "$scratch/results.jsonl" --tap "$scratch/results.tap" --junit "$scratch/junit.xml"
expect "0 for one suite on the reference runtime" 0
jq -es '.[0].type == "run" and .[-1].type == "summary" and .[-1].conformant and .[-1].executed == .[-1].required' \
	"$scratch/results.jsonl" >/dev/null
ok "the results begin with the run, end with the summary, and everything required was executed" $?
cases=$(grep -c '"type": *"result"' "$scratch/results.jsonl")
[ "$(head -n 2 "$scratch/results.tap" | grep -Ec "^1\.\.$cases$")" -eq 1 ]
ok "the TAP plan counts the same cases" $?
python3 -c 'import sys, xml.etree.ElementTree as t; sys.exit(0 if len(list(t.parse(sys.argv[1]).iter("testcase"))) == int(sys.argv[2]) else 1)' \
	"$scratch/junit.xml" "$cases"
ok "the JUnit file is XML and holds the same cases" $?

run "$conformance" run --runtime none --adapter none --profile standard --suite no_new_privs --jsonl "$scratch/none.jsonl"
expect "1 for no sandbox at all" 1
run "$conformance" run --runtime-cmd 'setpriv --no-new-privs --' --profile standard --suite no_new_privs
[ "$status" -le 3 ] && [ "$status" -ne 2 ]
ok "any command prefix can be judged" $? "exit status $status: $errors"

# Both processes of mutate make files on the host to look for inside.
canaries() {
	find /tmp /var/tmp -maxdepth 1 -name 'agentcore-canary-*' | sort
}
before=$(canaries)
run "$conformance" mutate --filter mac-row-urandom
expect "a saboteur is killed" 0 'killed 1/1'
[ "$(canaries)" = "$before" ]
ok "and nothing of the trial is left" $? "$(canaries)"

finish
