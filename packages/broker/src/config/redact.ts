/** Keeps a proxy's user and password out of whatever is shown: faults and the printed configuration. */

/** The same text with `user:password@` of every URL in it withheld; whatever looks like one counts as one. */
export function redactPasswords(text: string): string {
  return text.replace(/((?:^|[\s"])(?:[a-z]+:\/\/)?)[^\s"]*@/g, "$1[withheld]@");
}
