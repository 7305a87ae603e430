export { canBootSystemd } from "./can-boot-systemd.ts";
export {
  bootSystemd,
  type ExecOptions,
  type ExecResult,
  type InstalledFile,
  type SystemdRoot,
} from "./systemd-root.ts";
