export { createConfigStatus } from "./config/config-status.ts";
export { startBroker } from "./daemon.ts";
export { lastConfig } from "./handover/handover.ts";
export { superviseBroker } from "./systemd/supervise.ts";
export { createLog } from "./telemetry/log.ts";
