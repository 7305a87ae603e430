/**
 * The file operations of an installation, below `/` or a test's root. No operation follows a link at the path itself. A file gets
 * its content under another name first, is flushed, and then replaced by one rename.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash, hash } from "node:crypto";
import fs from "node:fs";
import { dirname, join, relative } from "node:path";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { InstallError } from "../install-error.ts";
import type { Content } from "./step.ts";

/** What is at a path, as text: `absent`, `link:<target>` or `file:<SHA-256>`. */
export type PathState = "absent" | `link:${string}` | `file:${string}`;

/** The operations that change the disk; tests pass ones that stop. */
export type FileSystem = Pick<
  typeof fs,
  "chmodSync" | "copyFileSync" | "linkSync" | "mkdirSync" | "renameSync" | "rmdirSync" | "symlinkSync" | "unlinkSync"
> &
  Pick<typeof fs, "chownSync" | "fsyncSync" | "writeFileSync">;

export type Disk = ReturnType<typeof createDisk>;

const NEW = ".ocir-broker-new";
const PREVIOUS = ".ocir-broker-previous";
const RESTORECON = "/usr/sbin/restorecon";
const RESTORECON_MS = 10_000;
const CLEAR_MS = 10_000;
const PIECE_BYTES = 1024 * 1024;

export function createDisk(root: string, change: FileSystem = fs) {
  const at = (path: string): string => (root === "/" ? path : join(root, path));

  function flush(path: string): void {
    const file = fs.openSync(at(path), "r");
    try {
      change.fsyncSync(file);
    } finally {
      fs.closeSync(file);
    }
  }

  const isThere = (path: string): boolean => fs.lstatSync(at(path), { throwIfNoEntry: false }) !== undefined;

  const isFolder = (path: string): boolean => fs.lstatSync(at(path), { throwIfNoEntry: false })?.isDirectory() === true;

  function remove(path: string): void {
    if (isThere(path)) change.unlinkSync(at(path));
  }

  /** Keeps mode, owner and extended attributes, and copies a link as a link. */
  function copy(from: string, to: string): void {
    remove(to);
    // Creates the name, so that a test can stop here; cp replaces the empty file.
    change.writeFileSync(at(to), "", { flag: "wx", mode: 0o600 });
    execFileSync("cp", ["-a", "--remove-destination", at(from), at(to)], { stdio: ["ignore", "ignore", "pipe"] });
    if (!fs.lstatSync(at(to)).isSymbolicLink()) flush(to);
  }

  function write(path: string, content: Exclude<Content, { kind: "absent" }>, owner: fs.Stats | undefined): void {
    remove(path);
    if (content.kind === "link") change.symlinkSync(content.target, at(path));
    else {
      if (content.kind === "copy") change.copyFileSync(content.from, at(path), fs.constants.COPYFILE_EXCL);
      else change.writeFileSync(at(path), content.text, { flag: "wx", mode: 0o600 });
      if (owner !== undefined) change.chownSync(at(path), owner.uid, owner.gid);
      change.chmodSync(at(path), owner === undefined ? content.mode : owner.mode & 0o7777);
      flush(path);
    }
    if (root === "/" && fs.existsSync(RESTORECON)) {
      // A failure leaves the folder's label.
      spawnSync(RESTORECON, ["-F", path], { stdio: "ignore", timeout: RESTORECON_MS });
    }
  }

  /** Prepares the new content under its other name. */
  function stage(path: string, content: Content): void {
    if (content.kind === "absent") return;
    const like = content.kind === "text" ? (content.like ?? path) : undefined;
    const stats = like === undefined ? undefined : fs.lstatSync(at(like), { throwIfNoEntry: false });
    write(path + NEW, content, stats?.isFile() ? stats : undefined);
    if (content.kind === "copy" && stateOf(path + NEW) !== `file:${content.sha256}`)
      throw new InstallError("archive", `${path} is damaged in the archive: unpack or download it again`);
  }

  /** Puts what is staged in place, or removes the path. */
  function put(path: string, content: "staged" | "absent" = "staged"): void {
    if (content === "absent") remove(path);
    else change.renameSync(at(path + NEW), at(path));
    flush(dirname(path));
  }

  function stateOf(path: string): PathState {
    const stats = fs.lstatSync(at(path), { throwIfNoEntry: false });
    if (stats === undefined) return "absent";
    if (stats.isSymbolicLink()) return `link:${fs.readlinkSync(at(path))}`;
    if (!stats.isFile()) throw new InstallError("install", `${path} is neither a file nor a link: remove or rename it`);
    return `file:${sha256Of(at(path))}`;
  }

  return {
    at,
    copy,
    remove,
    stateOf,
    /** Follows links. */
    read: (path: string): Buffer | undefined => (fs.existsSync(at(path)) ? fs.readFileSync(at(path)) : undefined),
    modeOf: (path: string): number => fs.lstatSync(at(path)).mode & 0o7777,
    isThere,
    /** Removes whatever is at the path, and never throws. rm follows no link that another user puts into a folder meanwhile. */
    clear(path: string): void {
      spawnSync("rm", ["-rf", "--one-file-system", at(path)], {
        stdio: "ignore",
        timeout: CLEAR_MS,
        killSignal: "SIGKILL",
      });
    },
    /** The folders, and those above them, that do not exist; the upper ones first. */
    missingFolders(paths: readonly string[]): string[] {
      const missing = new Set<string>();
      const look = (path: string): void => {
        if (missing.has(path) || isThere(path)) return;
        look(dirname(path));
        missing.add(path);
      };
      paths.forEach(look);
      return [...missing];
    },
    makeFolder: (path: string, mode = 0o755): void => {
      change.mkdirSync(at(path), { mode });
      change.chmodSync(at(path), mode);
    },
    /** Removes an empty folder; does nothing if it has content, or if a link leads to it. */
    removeFolder(path: string): void {
      if (isFolder(path) && fs.readdirSync(at(path)).length === 0) change.rmdirSync(at(path));
    },
    stage,
    stageCopy: (from: string, path: string): void => copy(from, path + NEW),
    put,
    link(path: string, target: string): void {
      stage(path, { kind: "link", target });
      put(path);
    },
    /** Keeps the file that a change replaces: the same inode if the file system permits. */
    keepPrevious(path: string): void {
      remove(path + PREVIOUS);
      try {
        change.linkSync(at(path), at(path + PREVIOUS));
      } catch (error) {
        if (!["EPERM", "EXDEV", "EMLINK", "ENOTSUP"].includes(codeOf(error))) throw error;
        copy(path, path + PREVIOUS);
      }
      flush(dirname(path));
    },
    isPrevious: (path: string, previous: PathState): boolean =>
      previous.startsWith("file:") && stateOf(path + PREVIOUS) === previous,
    putPrevious(path: string): void {
      change.renameSync(at(path + PREVIOUS), at(path));
      flush(dirname(path));
    },
    /** Removes the other names of the path. A rename between two names of one file leaves both. */
    tidy(path: string): void {
      namesBeside(path).forEach(remove);
    },
    /** All that is in the folder and in those below it, except folders. */
    filesBelow(folder: string): string[] {
      if (!isFolder(folder)) return [];
      const entries = fs.readdirSync(at(folder), { recursive: true, withFileTypes: true });
      const base = at("/");
      return entries
        .filter((entry) => !entry.isDirectory())
        .map(({ parentPath, name }) => join("/", relative(base, parentPath), name))
        .toSorted();
    },
    /** Writes one of the installer's own files. */
    save(path: string, text: string, mode = 0o600): void {
      change.mkdirSync(at(dirname(path)), { recursive: true, mode: 0o755 });
      try {
        stage(path, { kind: "text", text, mode });
      } catch (error) {
        remove(path + NEW);
        throw error;
      }
      put(path);
    },
  };
}

export function namesBeside(path: string): string[] {
  return [path + NEW, path + PREVIOUS];
}

export function stateAfter(content: Content): PathState {
  switch (content.kind) {
    case "absent":
      return "absent";
    case "link":
      return `link:${content.target}`;
    case "text":
      return `file:${hash("sha256", content.text)}`;
    case "copy":
      return `file:${content.sha256}`;
  }
}

export function linkTargetOf(state: PathState): string | undefined {
  return state.startsWith("link:") ? state.slice("link:".length) : undefined;
}

function sha256Of(path: string): string {
  const file = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  try {
    const digest = createHash("sha256");
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    for (let count = fs.readSync(file, piece); count > 0; count = fs.readSync(file, piece))
      digest.update(piece.subarray(0, count));
    return digest.digest("hex");
  } finally {
    fs.closeSync(file);
  }
}
