/** Withholds `user:password@` in everything that looks like a URL, for error messages and the printed configuration. */
export function redactPasswords(text: string): string {
  return text.replace(/((?:^|[\s"])(?:[a-z]+:\/\/)?)[^\s"]*@/g, "$1[withheld]@");
}
