export { canBootSystemd } from "./can-boot-systemd.ts";
export {
  type BootOptions,
  bootSystemd,
  type ExecOptions,
  type ExecResult,
  type InstalledFile,
  SystemdRoot,
} from "./systemd-root.ts";
