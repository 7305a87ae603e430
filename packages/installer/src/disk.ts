/**
 * The file operations of an installation, below `/` or a test's root. No operation follows a link at the path itself. A file gets
 * its content under another name first, is flushed, and then replaced by one rename.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash, hash } from "node:crypto";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { InstallError } from "./install-error.ts";

/** What is at a path, as text: `absent`, `link:<target>` or `file:<SHA-256>`. */
export type PathState = "absent" | `link:${string}` | `file:${string}`;

/** What is to be at a path. Folders that are missing above it are made. */
export type Content =
  | { readonly kind: "absent" }
  | { readonly kind: "link"; readonly target: string }
  /** Mode and owner are those of the file `like`, by default of the one at the path; `mode` and root if it does not exist. */
  | { readonly kind: "text"; readonly text: string; readonly mode: number; readonly like?: string | undefined }
  /** A file or link of this node, with its mode, owner and extended attributes. */
  | { readonly kind: "copy"; readonly from: string };

/** The operations that change the disk; tests pass ones that stop. */
export type FileSystem = Pick<
  typeof fs,
  | "chmodSync"
  | "chownSync"
  | "copyFileSync"
  | "fsyncSync"
  | "mkdirSync"
  | "renameSync"
  | "rmdirSync"
  | "rmSync"
  | "symlinkSync"
  | "writeFileSync"
>;

export type Disk = ReturnType<typeof createDisk>;

const NEW = ".ocir-broker-new";
const RESTORECON = "/usr/sbin/restorecon";
const PROGRAM_LIMIT_MS = 10_000;
const PIECE_BYTES = 1024 * 1024;

export function createDisk(root: string, change: FileSystem = fs) {
  const at = (path: string): string => (root === "/" ? path : join(root, path));
  const statsOf = (path: string): fs.Stats | undefined => fs.lstatSync(at(path), { throwIfNoEntry: false });
  const isThere = (path: string): boolean => statsOf(path) !== undefined;

  function flush(path: string): void {
    const file = fs.openSync(at(path), "r");
    try {
      change.fsyncSync(file);
    } finally {
      fs.closeSync(file);
    }
  }

  function makeFolder(path: string, mode = 0o755): void {
    if (isThere(path)) return;
    makeFolder(dirname(path), mode);
    change.mkdirSync(at(path));
    // Whatever the umask is.
    change.chmodSync(at(path), mode);
  }

  /** Removes a file, a link, or a folder with its content. */
  function remove(path: string): void {
    if (!isThere(path)) return;
    change.rmSync(at(path), { recursive: true });
    flush(dirname(path));
  }

  /** A failure leaves the folder's label. */
  function relabel(path: string): void {
    if (root === "/" && fs.existsSync(RESTORECON))
      spawnSync(RESTORECON, ["-RF", path], { stdio: "ignore", timeout: PROGRAM_LIMIT_MS });
  }

  /** Prepares the new content under another name. */
  function stage(path: string, content: Content): void {
    unstage(path);
    const staged = path + NEW;
    switch (content.kind) {
      case "absent":
        return;
      case "link":
        makeFolder(dirname(path));
        change.symlinkSync(content.target, at(staged));
        break;
      case "copy":
        makeFolder(dirname(path));
        // Creates the name, so that a test can stop here; cp replaces the empty file.
        change.writeFileSync(at(staged), "", { flag: "wx", mode: 0o600 });
        execFileSync("cp", ["-a", "--remove-destination", at(content.from), at(staged)], { stdio: "pipe" });
        break;
      case "text": {
        makeFolder(dirname(path));
        change.writeFileSync(at(staged), content.text, { flag: "wx", mode: 0o600 });
        const like = statsOf(content.like ?? path);
        if (like?.isFile()) change.chownSync(at(staged), like.uid, like.gid);
        change.chmodSync(at(staged), like?.isFile() ? like.mode & 0o7777 : content.mode);
      }
    }
    if (statsOf(staged)?.isFile()) flush(staged);
    relabel(staged);
  }

  function unstage(path: string): void {
    remove(path + NEW);
  }

  /** Puts what is staged in place. */
  function put(path: string, content: Content): void {
    if (content.kind === "absent") {
      remove(path);
      return;
    }
    change.renameSync(at(path + NEW), at(path));
    flush(dirname(path));
  }

  function stateOf(path: string): PathState {
    const stats = statsOf(path);
    if (stats === undefined) return "absent";
    if (stats.isSymbolicLink()) return `link:${fs.readlinkSync(at(path))}`;
    if (!stats.isFile()) throw new InstallError("install", `${path} is neither a file nor a link: remove or rename it`);
    return `file:${sha256Of(at(path))}`;
  }

  return {
    at,
    isThere,
    stateOf,
    makeFolder,
    remove,
    relabel,
    stage,
    unstage,
    put,
    /** Follows links. */
    read: (path: string): Buffer | undefined => (fs.existsSync(at(path)) ? fs.readFileSync(at(path)) : undefined),
    stateAfter(content: Content): PathState {
      switch (content.kind) {
        case "absent":
          return "absent";
        case "link":
          return `link:${content.target}`;
        case "text":
          return `file:${hash("sha256", content.text)}`;
        case "copy":
          return stateOf(content.from);
      }
    },
    /** Replaces what is at the path by one rename. A failure leaves it as it was. */
    write(path: string, content: Content): void {
      try {
        stage(path, content);
      } catch (error) {
        unstage(path);
        throw error;
      }
      put(path, content);
    },
    /** Copies a file from outside of the root. @returns its state */
    bring(from: string, path: string, mode: number): PathState {
      makeFolder(dirname(path));
      change.copyFileSync(from, at(path), fs.constants.COPYFILE_EXCL);
      change.chmodSync(at(path), mode);
      flush(path);
      return stateOf(path);
    },
    /** Gives a folder its name, where nothing is, once it is on the disk. Its files are. */
    nameFolder(path: string, name: string): void {
      for (const folder of [path, ...foldersBelow(path)]) flush(folder);
      change.renameSync(at(path), at(name));
      flush(dirname(name));
    },
    foldersBelow,
    filesBelow,
    /** Removes whatever is at the path, and never throws. rm follows no link that another user puts into a folder meanwhile. */
    clear(path: string): void {
      spawnSync("rm", ["-rf", "--one-file-system", at(path)], {
        stdio: "ignore",
        timeout: PROGRAM_LIMIT_MS,
        killSignal: "SIGKILL",
      });
    },
    /** Removes an empty folder; does nothing if it has content, or if a link leads to it. */
    removeFolder(path: string): void {
      if (statsOf(path)?.isDirectory() && fs.readdirSync(at(path)).length === 0) change.rmdirSync(at(path));
    },
  };

  function entriesBelow(folder: string): fs.Dirent[] {
    return statsOf(folder)?.isDirectory() ? fs.readdirSync(at(folder), { recursive: true, withFileTypes: true }) : [];
  }

  /** The paths of all folders below this one. */
  function foldersBelow(folder: string): string[] {
    return pathsOf(entriesBelow(folder).filter((entry) => entry.isDirectory()));
  }

  /** The paths of all that is below the folder and is no folder. */
  function filesBelow(folder: string): string[] {
    return pathsOf(entriesBelow(folder).filter((entry) => !entry.isDirectory()));
  }

  function pathsOf(entries: readonly fs.Dirent[]): string[] {
    const base = at("/");
    return entries.map(({ parentPath, name }) => join("/", parentPath.slice(base.length - 1), name)).toSorted();
  }
}

/** Undefined for a folder or a pipe. */
export function stateIfAny(disk: Disk, path: string): PathState | undefined {
  try {
    return disk.stateOf(path);
  } catch (error) {
    if (error instanceof InstallError) return undefined;
    throw error;
  }
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
