/** Facts that all packages of a release share: checkout, version, and the time stamp of all files. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const CHECKOUT = join(import.meta.dirname, "../../..");

export interface Release {
  readonly version: string;
  /** Seconds since 1970, as in SOURCE_DATE_EPOCH. */
  readonly epochS: number;
  /** `Name <address>` of the publisher. */
  readonly maintainer?: string;
}

/** Packages must name a maintainer, and this project has no address. */
const NOBODY = "ocir-broker maintainers";
const NAME_AND_ADDRESS = /^[\w .+-]+ <[\w.+@[\]-]+>$/;

/** Image tags and Kubernetes labels contain the version. */
const TAG_AND_LABEL = /^[a-z\d](?:[\w.-]{0,61}[a-z\d])?$/i;

/**
 * @throws {Error} if the version cannot be an image tag and a label, if OCIR_BROKER_MAINTAINER is not a name and address, or if
 * neither SOURCE_DATE_EPOCH nor a git checkout has the time.
 */
export function thisRelease(environment: NodeJS.ProcessEnv, version = ownVersion()): Release {
  if (!TAG_AND_LABEL.test(version)) {
    throw new Error(
      `version ${version} in packages/cli/package.json cannot be an image tag and a Kubernetes label: ` +
        "use at most 63 letters, digits and '.', '_', '-', such as 1.2.3-acme.1 instead of 1.2.3+acme.1",
    );
  }
  const given = environment["SOURCE_DATE_EPOCH"];
  const epochS = Number(given ?? lastCommitS());
  if (!Number.isSafeInteger(epochS) || epochS <= 0) throw new Error(`SOURCE_DATE_EPOCH is not a time: ${given}`);
  const maintainer = environment["OCIR_BROKER_MAINTAINER"];
  if (!maintainer) return { version, epochS };
  if (!NAME_AND_ADDRESS.test(maintainer)) {
    throw new Error(`OCIR_BROKER_MAINTAINER must be "Name <address>": ${maintainer}`);
  }
  return { version, epochS, maintainer };
}

export function maintainerOf({ maintainer = NOBODY }: Release): string {
  return maintainer;
}

/** The project's address, which the owner sets. */
export function homeUrl(): string {
  const chart = readFileSync(join(CHECKOUT, "deploy/helm/ocir-broker/Chart.yaml"), "utf8");
  return /^home: (.*)$/m.exec(chart)?.[1] ?? "";
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
