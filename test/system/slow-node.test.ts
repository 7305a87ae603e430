/**
 * A node that is slower than the smallest shapes, which have an eighth of a processor: ocir-broker-node.sh installs there, and no limit
 * of the units or the installer ends what is only slow.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { CONTROL_GROUP, controlGroupMounts, removeControlGroups } from "../cluster/control-groups.ts";
import { describeUnless } from "./describe-unless.ts";
import { makeArchives, settingsFor } from "./install/archives.ts";
import { bootNode, SCRIPT } from "./install/oke-node.ts";
import { SERVICE } from "./simulated-node.ts";
import { cgroup2Folder } from "./systemd-root/can-boot-systemd.ts";
import { canBootSystemd, type SystemdRoot } from "./systemd-root/systemd-root.ts";

/** A sixth of an eighth: a start with it takes 13 s on our machines, and with a limit of ten, which it once had, none succeeds. */
const PERCENT = 2;
/** Twenty times as long as it takes on an idle machine. */
const LIMIT_MS = 900_000;

describeUnless(canBootSystemd() ?? lackOfController(), `a node with ${PERCENT} % of a processor`, () => {
  it(
    "is installed by ocir-broker-node.sh, and its first daemon runs",
    async () => {
      const archives = await makeArchives();
      const node = await bootNode(archives);
      try {
        await node.renew();
        limitProcessor(node.root);
        const settings = Object.entries(settingsFor(archives.good)).map(([name, value]) => `--setenv=${name}=${value}`);
        const unit = ["--unit=cloud-final", "--wait", "--pipe", "--collect", "--quiet"];
        const script = [...unit, ...settings, "sh", SCRIPT];
        const { stderr } = await node.root.exec("systemd-run", script, { timeoutMs: LIMIT_MS });
        expect(stderr).not.toContain("ERROR");
        expect(await node.kubelet(), stderr).toContain("--image-credential-provider-bin-dir=/usr/local/bin");
        expect(await node.root.property(SERVICE, "ActiveState")).toBe("active");
        expect(await node.root.property(SERVICE, "NRestarts")).toBe("0");
      } finally {
        await node.root.powerOff();
        removeControlGroups();
      }
    },
    LIMIT_MS,
  );
});

function lackOfController(): string | undefined {
  const controllers = readFileSync(join(cgroup2Folder() ?? "", "cgroup.subtree_control"), "utf8").split(/\s/);
  const hasOne = controllers.includes("cpu") || controlGroupMounts().has("cpu");
  return hasOne ? undefined : "needs the cpu controller of control groups";
}

/** Of all that the node's first process starts from now on. */
function limitProcessor({ hostPid }: SystemdRoot): void {
  const [, name = ""] = /^0::\/([^/\n]+)/m.exec(readFileSync(`/proc/${hostPid}/cgroup`, "utf8")) ?? [];
  const version2 = join(cgroup2Folder() ?? "", name, "cpu.max");
  if (existsSync(version2)) {
    writeFileSync(version2, `${PERCENT * 1_000} 100000`);
    return;
  }
  const group = join(controlGroupMounts().get("cpu") ?? "", CONTROL_GROUP);
  mkdirSync(group);
  writeFileSync(join(group, "cpu.cfs_quota_us"), String(PERCENT * 1_000));
  writeFileSync(join(group, "cgroup.procs"), String(hostPid));
}
