/** File descriptors inherited from the parent process, named by number in the environment. */

/** Undefined if the text is not a number above those of standard input, output and error. */
export function inheritedFd(text: string | undefined): number | undefined {
  if (text === undefined || !/^[1-9]\d{0,5}$/.test(text)) return undefined;
  const descriptor = Number(text);
  return descriptor > 2 ? descriptor : undefined;
}
