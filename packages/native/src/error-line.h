/*
 * What people see when a call fails: one line on stderr, at most 512 bytes of printable ASCII and a line feed,
 * `ocir-broker: <code>: <what happened>; <what to do next>`. The kubelet copies it into its log; docker's clients look for
 * it on stdout.
 */
#ifndef OCIR_BROKER_ERROR_LINE_H
#define OCIR_BROKER_ERROR_LINE_H

#include <stddef.h>

/* A docker credential helper tells its errors there. */
void error_line_to_stdout(void);

/* Writes a line of our own. `detail` (a path, a number; may be NULL) is put between `what` and `next`. */
void error_line_write(const char *code, const char *what, const char *detail, const char *next);

/* Writes the first line of the broker's message; 0 if there is none, and then nothing is written. */
int error_line_relay(const char *message, size_t length);

/* The decimal digits of a number, in a buffer that the next call overwrites. */
const char *decimal(unsigned long number);

#endif
