import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import { createKubeletUnit } from "./kubelet-unit.ts";

it("KubeletUnit.change replaces the target of a symbolic link, keeps its mode, and restores it", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "elsewhere"));
  const [file, target] = [join(folder, "args.conf"), join(folder, "elsewhere/args.conf")];
  writeFileSync(target, "before\n");
  chmodSync(target, 0o640);
  symlinkSync(target, file);
  const restore = await createKubeletUnit("/nowhere").change({ file, text: "after\n" });
  expect([readFileSync(file, "utf8"), lstatSync(file).isSymbolicLink()]).toEqual(["after\n", true]);
  expect(statSync(target).mode & 0o777).toBe(0o640);
  await restore();
  expect([readFileSync(file, "utf8"), statSync(target).mode & 0o777]).toEqual(["before\n", 0o640]);
});

it("KubeletUnit.change creates a file with its folder, and removes the file on restore", async () => {
  const file = join(temporaryFolder(), "kubelet.service.d/90-ocir-broker.conf");
  const restore = await createKubeletUnit("/nowhere").change({ file, text: "[Service]\n" });
  expect(readFileSync(file, "utf8")).toBe("[Service]\n");
  await restore();
  expect(existsSync(file)).toBe(false);
});
