/** Keeps a proxy's user and password out of fault messages and the printed configuration. */

/** Withholds `user:password@` in everything that looks like a URL. */
export function redactPasswords(text: string): string {
  return text.replace(/((?:^|[\s"])(?:[a-z]+:\/\/)?)[^\s"]*@/g, "$1[withheld]@");
}
