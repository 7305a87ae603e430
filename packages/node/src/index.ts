export { readDaemonEnvironment } from "./daemon-environment.ts";
export { askHealthSocket, askSocket } from "./health-socket.ts";
export { BIN_DIRECTORY_FLAG, CONFIG_FLAG, detectKubelet, type Kubelet, unitFileWithFlags } from "./kubelet.ts";
export { locateKubelet, pathFaultOf } from "./kubelet-location.ts";
export { createNetwork, type Network } from "./network.ts";
export { createNodeFiles, type NodeFiles, pathsIn, textOf } from "./node-files.ts";
export { createRunProgram, type ProgramResult, type ProgramRun, type RunProgram } from "./program-run.ts";
export {
  type Invocation,
  invocationIn,
  type ProviderFiles,
  readProviderFiles,
  tokenAttributesIn,
} from "./provider-files.ts";
