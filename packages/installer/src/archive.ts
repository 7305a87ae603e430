/** The steps that copy an unpacked archive's files to their places, and remove files that only the previous version had. */
import { hash } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { InstallError } from "./install-error.ts";
import { MANIFEST, PROGRAM } from "./installed-files.ts";
import { changedPaths, type InstallationRecord } from "./run/record.ts";
import type { FileStep } from "./run/step.ts";

/** A line of SHA256SUMS, for a file that is installed. The others are for people. */
const INSTALLED = /^([0-9a-f]{64}) {2}(usr\/(?:[\w@+.-]+\/)*[\w@+.-]+)$/;

const SUMS = "SHA256SUMS";

/** The files that an archive's list installs. */
export function installedIn(sums: string): { readonly path: string; readonly sha256: string }[] {
  return sums.split("\n").flatMap((line) => {
    const [, sha256, path] = INSTALLED.exec(line) ?? [];
    return sha256 === undefined || path === undefined || path.split("/").includes("..")
      ? []
      : [{ path: `/${path}`, sha256 }];
  });
}

/** @throws {InstallError} `archive` */
export function archiveSteps(from: string, record: InstallationRecord): FileStep[] {
  const sums = resultIfAny(() => fs.readFileSync(join(from, SUMS), "utf8")) ?? "";
  const files = [
    // First, so that a run that is killed has staged the list before the files.
    { path: MANIFEST, from: join(from, SUMS), sha256: hash("sha256", sums) },
    ...installedIn(sums).map(({ path, sha256 }) => ({ path, from: join(from, path), sha256 })),
  ];
  if (!files.some(({ path }) => path === PROGRAM))
    throw new InstallError("archive", `${from} is not an unpacked archive of ocir-broker`);
  const isNew = new Set(files.map(({ path }) => path));
  const old = changedPaths(record, "program").filter((path) => !isNew.has(path));
  return [
    ...files.map(copyStep),
    ...old.map((path): FileStep => {
      const changes = `removes ${path}, which only the previous version has`;
      const content = { kind: "absent" } as const;
      return { kind: "file", change: "program", name: "programs", path, content, changes, check: "it is gone" };
    }),
  ];
}

function copyStep({ path, from, sha256 }: { path: string; from: string; sha256: string }): FileStep {
  const stats = resultIfAny(() => fs.statSync(from));
  if (stats === undefined) throw new InstallError("archive", `${from} is missing: unpack the archive again`);
  // A fixed mode, because tar's umask may have changed that of the unpacked file.
  const mode = (stats.mode & 0o100) === 0 ? 0o644 : 0o755;
  return {
    kind: "file",
    change: "program",
    name: "programs",
    path,
    content: { kind: "copy", from, sha256, mode },
    changes: `copies ${path}`,
    check: "its SHA-256 is the archive's",
  };
}
