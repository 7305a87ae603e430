#include "account-numbers.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

bool account_numbers(const char *path, const char *name, unsigned long numbers[ACCOUNT_FIELDS]) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char bytes[4096];
  size_t field = 0, matched = 0;
  bool is_ours = true, is_found = false;
  memset(numbers, 0, ACCOUNT_FIELDS * sizeof *numbers);
  for (ssize_t length; !is_found && (length = read(file, bytes, sizeof bytes)) > 0;) {
    for (ssize_t i = 0; i < length && !is_found; i++) {
      char byte = bytes[i];
      if (byte == '\n') {
        is_found = is_ours && field > ACCOUNT_ID;
        field = matched = 0;
        is_ours = true;
      } else if (byte == ':') {
        is_ours = is_ours && (field > 0 || name[matched] == '\0');
        field++;
      } else if (field == 0) {
        is_ours = is_ours && name[matched] != '\0' && name[matched] == byte;
        matched += is_ours;
      } else if (is_ours && field < ACCOUNT_FIELDS) {
        bool is_digit = byte >= '0' && byte <= '9';
        bool fits = is_digit && numbers[field] <= UINT32_MAX;
        numbers[field] = fits ? numbers[field] * 10 + (unsigned long)(byte - '0') : ULONG_MAX;
      }
    }
  }
  close(file);
  return is_found;
}
