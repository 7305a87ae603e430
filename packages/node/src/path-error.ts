/** Why root should not use a path that the kubelet names. */
import { printable } from "@ocir-broker/foundation/printable";
import { distrustOfAll } from "./credential-provider-files.ts";
import type { NodeFiles } from "./node-files.ts";

/** One line: why root should not read, run or write this path, or a configuration file in it. */
export function pathErrorOf(path: string, files: NodeFiles): string | undefined {
  if (!path.startsWith("/")) return `${printable(path)} is not an absolute path`;
  const distrusted = distrustOfAll(files, path);
  const next = "make root the only owner and writer of it and of each folder above it";
  return distrusted && `${printable(path)}: ${distrusted}; ${next}`;
}
