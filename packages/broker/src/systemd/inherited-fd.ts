/** Descriptors that whoever started us left open, named by their number in the environment. */

/** Beyond standard input, output and error; undefined for whatever is no such number. */
export function inheritedFd(text: string | undefined): number | undefined {
  if (text === undefined || !/^[1-9]\d{0,5}$/.test(text)) return undefined;
  const descriptor = Number(text);
  return descriptor > 2 ? descriptor : undefined;
}
