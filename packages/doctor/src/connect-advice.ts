/**
 * How a kubelet comes to use our provider on a node where ocir-broker is installed already: by the commands that the packages
 * bring, with this node's own paths. A node without them is replaced by one whose first boot installs them.
 */
import type { Kubelet } from "./node/kubelet.ts";
import type { NodeFiles } from "./node/node-files.ts";

const SETUP = "/usr/libexec/ocir-broker/setup";
const ADVICE = "/usr/libexec/ocir-broker/kubelet-advice";

/** For a kubelet without flags: the paths of the installation guide. */
const CONFIG = "/etc/kubernetes/credential-provider-config.yaml";
const BIN_DIRECTORY = "/usr/local/bin";

/** Undefined: ocir-broker is not installed here, or its packages are too old to know these commands. */
export function connectAdvice(
  { configPath = CONFIG, binDirectory = BIN_DIRECTORY, program = "kubelet" }: Partial<Kubelet>,
  files: NodeFiles,
): string | undefined {
  if (!files.isExecutable(SETUP) || !files.isExecutable(ADVICE)) return undefined;
  const paths = `${quoted(configPath)} ${quoted(binDirectory)}`;
  return `${SETUP} connect ${paths} "$(${quoted(program)} --version)" && ${ADVICE} ${paths}; the last lines say what the kubelet still needs`;
}

/** As a shell takes it for one word. */
function quoted(path: string): string {
  return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
