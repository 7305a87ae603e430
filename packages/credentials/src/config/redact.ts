/** Withholds what is before the last `@` of a value, such as `user:password`, for error messages and the printed configuration. */
export function redactPasswords(value: string): string {
  return value.replace(/^("?(?:[a-z]+:\/\/)?).*@/s, "$1[withheld]@");
}
