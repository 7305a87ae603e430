/** Why root should not use a path that the kubelet names. */
import { printable } from "@ocir-broker/foundation/printable";
import { distrustOfAll } from "./credential-provider-files.ts";
import { createNodeFiles } from "./node-files.ts";

/** One line: why root should not read, run or write this path, or a configuration file in it. */
export function pathErrorOf(path: string, root: string): string | undefined {
  const distrusted = distrustOfAll(createNodeFiles(root), path);
  if (distrusted === undefined) return undefined;
  return `path-untrusted: ${printable(path)}: ${distrusted}; make root the only owner and writer of it and of each folder above it`;
}
