export { canBootSystemd } from "./can-boot-systemd.ts";
export {
  type BootOptions,
  bootSystemd,
  type ExecOptions,
  type ExecResult,
  type InstalledFile,
  type SystemdRoot,
} from "./systemd-root.ts";
