/**
 * The commands that make the kubelet use our credential provider, with this node's paths, if the packages that contain them are
 * installed. A node without them should be replaced by one whose first boot installs them.
 */
import type { Kubelet } from "@ocir-broker/node/kubelet";
import type { NodeFiles } from "@ocir-broker/node/node-files";

const SETUP = "/usr/libexec/ocir-broker/setup";
const ADVICE = "/usr/libexec/ocir-broker/kubelet-advice";

/** The installation guide's paths, for a kubelet without flags. */
const CONFIG = "/etc/kubernetes/credential-provider-config.yaml";
const BIN_DIRECTORY = "/usr/local/bin";

/** Undefined if ocir-broker is not installed, or too old to have these commands. */
export function connectAdvice(
  { configPath = CONFIG, binDirectory = BIN_DIRECTORY, program = "kubelet" }: Partial<Kubelet>,
  files: NodeFiles,
): string | undefined {
  if (!files.isExecutable(SETUP) || !files.isExecutable(ADVICE)) return undefined;
  const paths = `${quoted(configPath)} ${quoted(binDirectory)}`;
  return `${SETUP} connect ${paths} "$(${quoted(program)} --version)" && ${ADVICE} ${paths}; it names what the kubelet still needs`;
}

/** One word to a shell. */
export function quoted(word: string): string {
  return /^[\w./@:+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
