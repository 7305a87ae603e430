/** The files of a node, by default in a folder of the test's own. */
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";

export function createNodeTree(root = temporaryFolder()) {
  function write(path: string, text: string, mode = 0o644): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    rmSync(join(root, path), { force: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), mode);
  }

  return {
    root,
    write,
    remove: (path: string) => rmSync(join(root, path), { recursive: true, force: true }),
    process(pid: number, cgroup: string, args: readonly string[]): void {
      write(`/proc/${pid}/cmdline`, args.map((arg) => `${arg}\0`).join(""));
      write(`/proc/${pid}/cgroup`, `${cgroup}\n`);
      rmSync(join(root, `/proc/${pid}/exe`), { force: true });
      symlinkSync(`../..${args[0]}`, join(root, `/proc/${pid}/exe`));
    },
  };
}
