/*
 * libatomic.so.1: the one function that Node takes from GCC's library of this name, so that a node needs no package for it.
 * Node's Linux executables call it from V8's tables, whose heads are two 32-bit numbers in one atomic word.
 *
 * Needs no C library, so it loads with each version of glibc.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Under another name, because compilers reserve the real one for their built-in function. */
bool compare_exchange(size_t size, void *object, void *expected, const void *desired, int success, int failure)
  __asm__("__atomic_compare_exchange");

/*
 * Replaces the object's value by `desired` if it equals `expected`. Returns false if not, and then `expected` has the object's
 * value. Always sequentially consistent, which is at least as strong as any order that a caller names.
 *
 * Traps for any object but an aligned one of 8 bytes: a lock would not stop code that accesses the object without this function.
 */
bool compare_exchange(size_t size, void *object, void *expected, const void *desired, int success, int failure) {
  (void)success;
  (void)failure;
  if (size != sizeof(uint64_t) || (uintptr_t)object % sizeof(uint64_t) != 0) __builtin_trap();
  uint64_t before, after;
  __builtin_memcpy(&before, expected, sizeof before);
  __builtin_memcpy(&after, desired, sizeof after);
  bool is_exchanged =
    __atomic_compare_exchange_n((uint64_t *)object, &before, after, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  if (!is_exchanged) __builtin_memcpy(expected, &before, sizeof before);
  return is_exchanged;
}
