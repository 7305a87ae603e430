/** The http(s) address of a folder. A file's name is appended to it, in links of alerts and in downloads of nodes. */

/** Also valid unquoted in YAML, and between single quotes in a shell. */
const PLAIN = /^https?:\/\/[\w.~!*()%+,:;=@/[\]-]+$/;

/**
 * @param what names the setting in the error.
 * @throws {Error} if it is not such an address.
 */
export function folderUrl(given: string, what: string): string {
  const url = URL.parse(given);
  if (url === null || !PLAIN.test(url.href) || url.username !== "" || url.password !== "") {
    throw new Error(`${what}, without a query and a password: ${given}`);
  }
  return url.href.replace(/\/+$/, "");
}
