/**
 * The command that makes the kubelet use our credential provider, if the package that contains it is installed. A node without it
 * should be replaced by one whose first boot installs it.
 */
import type { NodeFiles } from "@ocir-broker/node/node-files";
import { INSTALLED_PROGRAM } from "@ocir-broker/protocol/contract";

/** Undefined if ocir-broker is not installed. */
export function connectAdvice(files: NodeFiles): string | undefined {
  return files.isExecutable(INSTALLED_PROGRAM)
    ? "ocir-broker node connect; it names what the kubelet needs"
    : undefined;
}
