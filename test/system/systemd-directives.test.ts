/** Every directive of the units is in systemd 239 or in the page's table of newer ones. Needs no systemd. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const CHECKOUT = join(import.meta.dirname, "../..");
/** The manual pages mark these with 239, with an earlier version, or with none. */
const IN_239 = `
  Also AmbientCapabilities Backlog Before CapabilityBoundingSet Description DevicePolicy DirectoryMode DynamicUser
  Environment ExecReload ExecStart ExecStartPre FileDescriptorName InaccessiblePaths KeyringMode KillMode LimitCORE
  LimitMEMLOCK LimitNOFILE ListenStream LockPersonality MemoryHigh MemoryMax MemorySwapMax NoNewPrivileges
  NotifyAccess OOMScoreAdjust PartOf PrivateDevices PrivateTmp PrivateUsers ProtectControlGroups ProtectHome
  ProtectKernelModules ProtectKernelTunables ProtectSystem ReadOnlyPaths ReadWritePaths RefuseManualStart RemoveIPC
  RemoveOnStop Requires Restart RestartSec RestrictAddressFamilies RestrictNamespaces RestrictRealtime
  RuntimeDirectory RuntimeDirectoryMode RuntimeDirectoryPreserve Service SocketGroup SocketMode Sockets
  StartLimitIntervalSec SupplementaryGroups SyslogIdentifier SystemCallArchitectures SystemCallErrorNumber
  SystemCallFilter TasksMax TimeoutStartSec TimeoutStopSec TriggerLimitIntervalSec Type UMask WantedBy WatchdogSec
`.match(/\w+/g);
const read = (path: string): string => readFileSync(join(CHECKOUT, path), "utf8");
const namesIn = (text: string, name: RegExp) => [...new Set([...text.matchAll(name)].map(([, found]) => found))].sort();

it("docs/support.md lists exactly the directives of the units that 239 lacks", () => {
  const units = globSync("systemd/**/*.{service,socket}", { cwd: CHECKOUT }).map(read).join("\n");
  const page = read("docs/support.md");
  const [, listed = ""] = /## Older versions of systemd.*?(\n\|.*)## Reporting/s.exec(page) ?? [];
  // Only a cell that starts with a directive is an entry; other cells may name directives too.
  const entries = listed.replace(/\|(?! *`[A-Za-z]+=`)[^|\n]*/g, "");
  const newer = namesIn(entries, /`([A-Za-z]+)=`/g);
  expect([...newer, ...(IN_239 ?? [])].sort()).toEqual(namesIn(units, /^([A-Za-z]+)=/gm));
});
