/*
 * The error output of a failed call: one line on stderr, at most 512 bytes of printable ASCII and a line feed,
 * `ocir-broker: <code>: <what happened>; <what to do next>`. The kubelet copies it into its log; docker's clients expect it
 * on stdout.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Also sends the lines of the two functions below to the journal, because the kubelet drops stderr if the exit status is 0. `start`
 * comes first: at most 64 bytes, syslog's priority and the program, such as "<28>program: ". Never blocks: the line is lost if nothing
 * listens on syslog's socket or its queue is full.
 */
void error_line_to_journal(const char *start);

/* Makes the two functions below write there instead of to stderr: the clients of a docker credential helper expect errors on stdout. */
void error_line_to(int descriptor);

/*
 * Writes our own error line; error-texts.h has the arguments. `detail` (a path or number; may be NULL) comes between `what` and
 * `next`. Replaces bytes that are not printable ASCII by question marks. Ignores a failed write. Always returns false, which its
 * caller can return too.
 */
bool error_line_write(const char *code, const char *what, const char *detail, const char *next);

/* Writes the first line of the broker's message of `length` bytes likewise. Returns false, and writes nothing, if it is empty. */
bool error_line_relay(const char *message, size_t length);
