# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Counting what passed and what failed, over cmocka programs, suite runs and shell tests.
# A program that says nothing countable, or ends badly while reporting no failure, is one failure.

passed=0
failed=0
failures=()

# note_result NAME PASSED FAILED
note_result() {
	passed=$((passed + $2))
	failed=$((failed + $3))
	if [ "$3" -gt 0 ]; then
		failures+=("$1 ($3)")
	fi
}

# run_bounded SECONDS LOG COMMAND...: output to the terminal and the log; returns the command's status.
run_bounded() {
	local seconds=$1 log=$2
	shift 2
	timeout -k 10 "$seconds" "$@" </dev/null 2>&1 | tee "$log"
	return "${PIPESTATUS[0]}"
}

# Sum the closing lines of every cmocka group in the file: "PASSED FAILED", or nothing when there is none.
cmocka_counts() {
	awk '/^\[  PASSED  \].* test\(s\)/ { match($0, /[0-9]+ test/); p += substr($0, RSTART) + 0; seen = 1 }
	     /^\[  FAILED  \].* test\(s\)/ { match($0, /[0-9]+ test/); f += substr($0, RSTART) + 0; seen = 1 }
	     END { if (seen) print p + 0, f + 0 }' "$1"
}

# The last "N passed, N failed" of the file as "N N".
plain_counts() {
	sed -n 's/^\([0-9]\{1,\}\) passed, \([0-9]\{1,\}\) failed$/\1 \2/p' "$1" | tail -n 1
}

# mutate's "killed K/N" as "K N-K".
mutate_counts() {
	sed -n 's/.*killed \([0-9]\{1,\}\)\/\([0-9]\{1,\}\).*/\1 \2/p' "$1" | tail -n 1 | awk '{ print $1, $2 - $1 }'
}

# A results file (JSON Lines) as "passed failed": a case fails unless it passed, failed as expected, or was
# left out with a reason.
results_counts() {
	jq -rn '[inputs | select(.type == "result") | .status] |
		(map(select(. == "PASS" or . == "XFAIL")) | length) as $passed |
		(map(select(IN("FAIL", "XPASS", "INCONCLUSIVE", "TIMEOUT", "CRASH", "ERROR"))) | length) as $failed |
		"\($passed) \($failed)"' "$1" 2>/dev/null || true
}

# count NAME STATUS "PASSED FAILED": a bad status that no count explains is itself a failure.
count() {
	local name=$1 status=$2 good bad
	read -r good bad <<<"${3:-0 0}"
	if [ "$((good + bad))" -eq 0 ] || { [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
		echo "$name: exit status $status, $good passed, $bad failed: counted as a failure"
		bad=$((bad + 1))
	fi
	note_result "$name" "$good" "$bad"
}

# Print the failures and the closing line; returns 1 if anything failed.
closing_line() {
	local name
	for name in "${failures[@]}"; do
		echo "failed: $name"
	done
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}
