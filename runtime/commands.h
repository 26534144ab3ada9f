/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands of agentcore.  Each parses its own argv (argv[0] is its name) and returns the exit status. */
#ifndef RECIPE_COMMANDS_H
#define RECIPE_COMMANDS_H

enum {
	EXIT_TIMED_OUT = 124, /* the wall time was over */
	EXIT_RUNTIME_FAILED = 125, /* bad usage, bad policy, or a step of the start failed */
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127,
	EXIT_SIGNAL_BASE = 128,
};

int command_run(int argc, char **argv); /* cmd_run.c */
int command_layers(int argc, char **argv); /* cmd_layers.c */
int command_audit_log(int argc, char **argv); /* cmd_audit_log.c: verify, show */
int command_profile(int argc, char **argv); /* cmd_profile.c: list, show, generate, lint */
int profile_load(int argc, char **argv); /* cmd_profile_apparmor.c; argv[0] is "load" */
int profile_unload(char *const *names, int count);
int command_exec(int argc, char **argv); /* cmd_exec.c */
int command_list(int argc, char **argv); /* cmd_list.c */
int command_kill(int argc, char **argv); /* cmd_kill.c */
int command_delete(int argc, char **argv); /* cmd_delete.c */
int command_update(int argc, char **argv); /* cmd_update.c */

#endif
