/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/io.h"

void terminal_start(struct terminal *terminal, int master)
{
	*terminal = (struct terminal){.master = master, .started = true};
	terminal_resize(terminal);
	if (tcgetattr(STDIN_FILENO, &terminal->saved) < 0)
		return; /* not a terminal: bytes are passed as they are */
	struct termios raw = terminal->saved;
	cfmakeraw(&raw);
	terminal->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

/* Pass one bufferful on; false at the end. */
static bool pass(int from, int to)
{
	char buffer[4096];
	ssize_t n = read(from, buffer, sizeof(buffer));

	return n > 0 && io_write_all(to, buffer, (size_t)n) == 0;
}

void terminal_stop(struct terminal *terminal)
{
	if (!terminal->started)
		return;
	struct pollfd left = {.fd = terminal->master, .events = POLLIN};
	while (poll(&left, 1, 0) == 1 && (left.revents & POLLIN) && pass(terminal->master, STDOUT_FILENO))
		;
	if (terminal->raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->saved);
	terminal->started = false;
}

int terminal_input(const struct terminal *terminal)
{
	return terminal->started && !terminal->input_ended ? STDIN_FILENO : -1;
}

int terminal_output(const struct terminal *terminal)
{
	return terminal->started && !terminal->output_ended ? terminal->master : -1;
}

void terminal_from_user(struct terminal *terminal)
{
	static const char end_of_transmission = 4; /* ^D: the line discipline makes an end of file of it */

	if (pass(STDIN_FILENO, terminal->master))
		return;
	terminal->input_ended = true;
	(void)io_write_all(terminal->master, &end_of_transmission, 1);
}

void terminal_to_user(struct terminal *terminal)
{
	/* EIO: nobody inside has the terminal open any more. */
	if (!pass(terminal->master, STDOUT_FILENO))
		terminal->output_ended = true;
}

void terminal_resize(const struct terminal *terminal)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(terminal->master, TIOCSWINSZ, &size);
}
