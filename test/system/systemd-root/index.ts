export { canBootSystemd } from "./can-boot-systemd.ts";
export {
  bootSystemd,
  type ExecOptions,
  type ExecResult,
  type InstalledFile,
  SystemdRoot,
} from "./systemd-root.ts";
