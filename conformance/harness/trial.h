/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trial: a sandbox of its own, started for one case with limits of its own, which may well die of it.
 *
 * Sessions ask many small questions of one sandbox; a limit that kills needs a fresh one each time.  The command is
 * `probe load NAME ARG... TOKEN`: it prints facts as it goes (a JSON object a line; later lines win), so that what it had
 * reached is known when it is killed.  The harness adds what only the host can see: exit status, times, who survived, what was left.
 */
#ifndef HARNESS_TRIAL_H
#define HARNESS_TRIAL_H

#include <jansson.h>

#include "base/error.h"

struct adapter;
struct adapter_launch;
struct testnet; /* harness/testnet.h */

enum trial_tier {
	TRIAL_RUN, /* a sandbox with one command: the smaller of both tiers */
	TRIAL_EXEC, /* the command is an execution inside a sandbox that waits: the container's limits and the execution's */
};

enum trial_end {
	TRIAL_END_ITSELF, /* the load ends, or the limit ends it */
	TRIAL_END_TERM, /* when the load says ready, the runtime gets SIGTERM */
	TRIAL_END_KILL, /* when the load says ready, the runtime (the monitor) gets SIGKILL */
};

/* Where a trial of the network takes place. */
enum trial_ground {
	GROUND_NONE, /* not on the test internet */
	GROUND_RUNTIME, /* the runtime is started in the test internet's host */
	GROUND_BARE, /* no runtime: the load runs in the unfiltered control sandbox; companion: its neighbour */
};

/* A trial on the test internet (fixtures/network/README.md).  Texts live as long as the plan. */
struct trial_network {
	enum trial_ground ground;
	const char *
		policy; /* "none", "full 10.9.0.0/24", "restricted api.example.test 198.51.100.0/24": mode and allowed hosts; NULL: the policy's */
	const char *
		outside; /* once the load is ready, the harness does this from outside: words of one request of the test internet, "{pid}" is the
				sandbox's process, "{companion}" the companion's, "{address}" and "{companion-address}" their addresses; several with ";"; NULL: nothing */
	const char *
		victims; /* "world:198.51.100.99 lan peer", PLACE[:ADDRESS[:PORT]]: frames that arrived there (all, or to that address), or carry the token: facts seen_PLACE */
};

/* What to try; a requirement holds one for itself and one for its control.  Texts live as long as the plan: plan_text(). */
struct trial {
	const char *
		limits; /* "max_memory_mb=64 execution.max_processes=20", laid over the policy; "" for the policy's own */
	const char *
		load; /* words after `probe load`: "heap 128"; "{companion-address}" in them as in network.outside; NULL: no trial */
	const char *
		companion; /* load of a second sandbox of the same policy and limits that lives at the same time; NULL: none */
	enum trial_tier tier;
	enum trial_end end;
	struct trial_network network;
	int timeout_ms; /* of the whole; 0: 15000.  When it is over everything is ended and the observation is a timeout */
};

#define TRIAL_DEFAULT_MS 15000

/*
 * Run one.  launch gives kind, policy, policy_file and tools_dir; the adapter's work_dir takes the trial's own policy document.
 * stop_fd (-1: none) ends it when it becomes readable.  Facts (flat): what the load printed, and
 *   exit | signal         how the runtime ended (exit status; or the signal that killed it)
 *   ready_ms, end_ms      from the start of the runtime to the load's line {"ready":1}, to the runtime's end
 *   after_ready_ms        end_ms - ready_ms, where it was ready
 *   survivors             processes of the sandbox that lived when the runtime had ended: those with the token as a word of their
 *                         command line and, but for an execution, everybody in the sandbox's pid namespace
 *   survivors_gone_ms     from the runtime's end until none was left (0: none there; -1: still there after 2000)
 *   residue               what the end left on the host 2 s later at most, before anybody cleared up: "" or
 *                         "cgroup /sys/fs/...; mount ...; loop3 ...; file ..." (residue.h); for an execution: what it left
 *                         of its own in the sandbox that still waits
 *   residue_removed       the same after the sandbox was removed as the runtime's users remove one (agentcore delete, crun delete)
 *   sandbox_alive         of an execution: 1 when the sandbox around it lived on after its end, 0 when not
 *   stderr                the start of the runtime's error output
 *   attempts              set by the engine: how often it was tried, where the first time proved nothing
 *   testnet               1: it took place on the test internet, and what arrived is known
 *   seen_PLACE            frames that arrived at a victim of network.victims : seen_PLACE_token those with the token; "peer" is the companion, and not told where
 *                         that never came up; seen: the frames in words
 *   questions             names that the test internet's name server was asked, with blanks
 *   outside_sent          packets that the outside sent (told only once all was done, after the load was ready)
 *   outside_skipped       which placeholder had nothing to stand for: a sandbox has no address
 *   companion_*           the same of the second sandbox, but residue, which is of both; it is started first and
 *                         is ready, or dead, when the other one starts
 * testnet: for a trial on it; else NULL.  GROUND_BARE wants the control's adapter, and a launch of SESSION_BARE.
 * 0 with *facts (a new reference); -EOPNOTSUPP with the reason in err where the adapter cannot express the limits or the tier;
 * -ETIMEDOUT with *facts as far as they are known; -EINTR when stop_fd ended it; or another negative errno when the harness
 * failed.  Leaves no process.
 */
int trial_run(struct adapter *adapter, const struct adapter_launch *launch, const struct trial *trial,
	      struct testnet *testnet, int stop_fd, json_t **facts, struct error *err);

#endif
