// A terminal for a program that asks for a password on one and nowhere else, as doas does.
#pragma once

/// Runs argv with standard input, output and error as they are and a new terminal as its controlling one. When the
/// program turns the echo of that terminal off and asks, "[NONCE] password:" goes to standard error, and the next line
/// of standard input goes to the terminal; other text from the terminal goes to standard error. Returns the program's
/// exit status, 128+signal, or 126 when there is no terminal to be had. Blocks; one thread.
int terminal_run(const char *nonce, char **argv);
