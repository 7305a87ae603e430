/** Facts that all packages of a release share: checkout, version, and the time stamp of all files. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const CHECKOUT = join(import.meta.dirname, "../../..");

export interface Release {
  readonly version: string;
  /** Seconds since 1970, as in SOURCE_DATE_EPOCH. */
  readonly epochS: number;
}

/** @throws {Error} if neither SOURCE_DATE_EPOCH nor a git checkout has the time. */
export function thisRelease(environment: NodeJS.ProcessEnv): Release {
  const given = environment["SOURCE_DATE_EPOCH"];
  const epochS = Number(given ?? lastCommitS());
  if (!Number.isSafeInteger(epochS) || epochS <= 0) throw new Error(`SOURCE_DATE_EPOCH is not a time: ${given}`);
  return { version: ownVersion(), epochS };
}

/** The project's address, which the owner sets. */
export function homeUrl(): string {
  const chart = readFileSync(join(CHECKOUT, "deploy/helm/ocir-broker/Chart.yaml"), "utf8");
  return /^home: (.*)$/m.exec(chart)?.[1] ?? "";
}

/** The folder of this release's pages. */
export function pagesUrl({ version }: Release): string {
  return `${homeUrl()}/blob/v${version}`;
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(join(CHECKOUT, "packages/cli/package.json"), "utf8")) as Release;
  return version;
}

function lastCommitS(): string {
  try {
    return execFileSync("git", ["log", "-1", "--format=%ct"], { cwd: CHECKOUT, encoding: "utf8" }).trim();
  } catch (error) {
    throw new Error("set SOURCE_DATE_EPOCH: there is no git history to take the time from", { cause: error });
  }
}
