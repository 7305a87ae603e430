import type { NodeFiles } from "@ocir-broker/node/node-files";

/** The node's files as if some had another text, or were missing. */
export function withTexts(files: NodeFiles, texts: ReadonlyMap<string, string | undefined>): NodeFiles {
  return {
    ...files,
    readText(path) {
      if (!texts.has(path)) return files.readText(path);
      const value = texts.get(path);
      return value === undefined ? { failure: "ENOENT" } : { value };
    },
  };
}
