/** Writes a response to standard output. */

/** Resolves once it is written, rejects if the reader is gone. */
export function writeOut(text: string | Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  process.stdout.once("error", reject);
  process.stdout.write(text, (error) => (error == null ? resolve() : reject(error)));
  return promise;
}
