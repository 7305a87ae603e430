/*
 * What people see when a call fails: one line on stderr, at most 512 bytes of printable ASCII and a line feed,
 * `ocir-broker: <code>: <what happened>; <what to do next>`. The kubelet copies it into its log; docker's clients look for
 * it on stdout.
 */
#ifndef OCIR_BROKER_ERROR_LINE_H
#define OCIR_BROKER_ERROR_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* From now on both functions below write to stdout, where a docker credential helper's client looks. */
void error_line_to_stdout(void);

/*
 * Writes a line of our own; error-texts.h has the arguments. `detail` (a path, a number; may be NULL) is put between `what`
 * and `next`. Bytes that are not printable ASCII become question marks. A stream that does not take the line is ignored.
 */
void error_line_write(const char *code, const char *what, const char *detail, const char *next);

/* Writes the first line of the broker's message of `length` bytes in the same way. False: it has none, nothing is written. */
bool error_line_relay(const char *message, size_t length);

/* The decimal digits of a number, in a static buffer that the next call overwrites. */
const char *decimal(unsigned long number);

#endif
