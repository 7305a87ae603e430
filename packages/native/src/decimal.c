#include "decimal.h"

#include <stddef.h>

const char *decimal(unsigned long number) {
  static char digits[21];
  size_t at = sizeof digits - 1;
  digits[at] = '\0';
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return digits + at;
}
