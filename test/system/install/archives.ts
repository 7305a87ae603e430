/** Archives for the installer, made from the build: a valid one, and one of an older version. */
import { copyFileSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import cliPackage from "../../../packages/cli/package.json" with { type: "json" };
import { installedFiles } from "../../../packages/packaging/src/contents/installed-tree.ts";
import { LIBATOMIC, libraryPath } from "../../../packages/packaging/src/contents/libraries.ts";
import { STATIC_PROGRAMS } from "../../../packages/packaging/src/contents/programs.ts";
import { makeArchive } from "../../../packages/packaging/src/formats/archive.ts";
import { nodeScript } from "../../../packages/packaging/src/node-script.ts";
import { sha256Of } from "../../../packages/packaging/src/publishing/sums.ts";
import { TARGET_HERE as target } from "../../../packages/packaging/src/target.ts";
import { oneProcessAtATime } from "../one-process-at-a-time.ts";
import { isOld } from "../packages/built-packages.ts";

const CHECKOUT = join(import.meta.dirname, "../../..");
/** In the checkout, which is /opt/checkout inside the node. */
const FOLDER = join(CHECKOUT, "dist/test-install");
const PROGRAMS = [...STATIC_PROGRAMS, "ocir-broker"];

export const VERSION = cliPackage.version;

export interface Archive {
  /** The path inside the node. */
  readonly folder: string;
  readonly sha256: string;
}

/** Of the cloud-init script, to install this archive. */
export function settingsFor({ folder, sha256 }: Archive): Record<string, string> {
  return {
    OCIR_BROKER_SOURCES: folder,
    OCIR_BROKER_SHA256_AMD64: sha256,
    OCIR_BROKER_SHA256_ARM64: sha256,
  };
}

/** The script of a release that has this archive at `baseUrl`. */
export function scriptOfRelease({ sha256 }: Archive, baseUrl: string): string {
  return nodeScript({ version: VERSION, baseUrl, sha256: { amd64: sha256, arm64: sha256 } });
}

export interface Archives {
  readonly good: Archive;
  /** The same programs, except the plugin, which reports version 0.0.9. */
  readonly older: Archive;
}

/** Made once for all tests, and again if a source is newer. */
export function makeArchives(): Promise<Archives> {
  return oneProcessAtATime("archives", makeOrFindArchives);
}

async function makeOrFindArchives(): Promise<Archives> {
  const made = join(FOLDER, "archives.json");
  if (!isOld(made, import.meta.filename)) return JSON.parse(readFileSync(made, "utf8")) as Archives;
  rmSync(FOLDER, { recursive: true, force: true });
  const [good, older] = await Promise.all([
    makeOne("good", {}),
    makeOne("older", { "credential-provider-oke": pluginOfVersion("0.0.9") }),
  ]);
  const archives = { good, older };
  writeFileSync(made, JSON.stringify(archives));
  return archives;
}

function pluginOfVersion(version: string): Buffer {
  const built = readFileSync(join(CHECKOUT, "dist/credential-provider-oke"), "latin1");
  return Buffer.from(built.replaceAll(VERSION, version), "latin1");
}

async function makeOne(name: string, changed: Readonly<Record<string, string | Buffer>>): Promise<Archive> {
  const folder = join(FOLDER, name);
  const programs = join(folder, "programs");
  mkdirSync(programs, { recursive: true });
  for (const program of PROGRAMS) {
    const text = changed[program];
    if (text === undefined) linkSync(join(CHECKOUT, "dist", program), join(programs, program));
    else writeFileSync(join(programs, program), text);
  }
  copyFileSync(libraryPath(target, LIBATOMIC), join(programs, LIBATOMIC));
  const metafile = "ocir-broker.metafile.json";
  copyFileSync(join(CHECKOUT, "packages/cli/build", metafile), join(programs, metafile));
  const release = { version: VERSION, epochS: 1_767_225_600 };
  const nodePackage = join(CHECKOUT, `node_modules/node-linux-${process.arch}`);
  const files = installedFiles(target, release, { folder: programs, nodePackage });
  const { archive } = await makeArchive(target, release, files, { work: join(folder, "work"), output: folder });
  return { folder: `/opt/checkout/dist/test-install/${name}`, sha256: sha256Of(archive) };
}
