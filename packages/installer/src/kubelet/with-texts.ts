import type { NodeFiles } from "@ocir-broker/node/node-files";

/** The node's files as if some had another text, or were missing. @param texts by their paths without links. */
export function withTexts(files: NodeFiles, texts: ReadonlyMap<string, string | undefined>): NodeFiles {
  return {
    ...files,
    readText(path) {
      const real = files.resolve(path);
      if (!texts.has(real)) return files.readText(path);
      const value = texts.get(real);
      return value === undefined ? { failure: "ENOENT" } : { value };
    },
  };
}
