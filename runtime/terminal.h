/* SPDX-License-Identifier: Apache-2.0 */
/* The user's terminal on one side, the sandbox's pseudo-terminal on the other. */
#ifndef RECIPE_TERMINAL_H
#define RECIPE_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

struct terminal {
	int master; /* of the sandbox's pseudo-terminal; borrowed */
	bool started, raw, input_ended, output_ended;
	struct termios saved;
};

/* Put the user's terminal into raw mode (where standard input is one) and take over its size. */
void terminal_start(struct terminal *terminal, int master);

/* Hand on what is left in the pseudo-terminal and restore the user's terminal. */
void terminal_stop(struct terminal *terminal);

/* The descriptors to poll for the user's input and for the sandbox's output, or -1. */
int terminal_input(const struct terminal *terminal);
int terminal_output(const struct terminal *terminal);

void terminal_from_user(struct terminal *terminal);
void terminal_to_user(struct terminal *terminal);
void terminal_resize(const struct terminal *terminal);

#endif
