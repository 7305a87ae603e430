/** The command line of `npm run package`. With an unknown argument it creates and deletes nothing. */
import { parseArgs } from "node:util";
import { apiGroupOf } from "./api-group.ts";
import { folderUrl } from "./folder-url.ts";

export const USAGE = `usage: npm run package [-- [--for here] [--base-url URL] [--api-group NAME] [DIR]]

Makes a release, for amd64 and arm64, in about 4 minutes on two processors. docs/release-files.md says what each file is for.

  --for here       only the archive for this machine's architecture, the script and SHA256SUMS: to try an installation
  --base-url URL   the address from which nodes download this release, such as a bucket's; ocir-broker-node.sh contains it
  --api-group NAME the API group of pull secrets: a domain of yours. It cannot be changed once there are resources of it. Without
                   it, the release has no pull-secrets controller, unless pull-secret-api.json has your group
  DIR              the output: a new or empty folder (default: dist/packages, which is replaced at the end)

Environment:
  SOURCE_DATE_EPOCH       the time stamp in all packages (default: that of the last commit)
`;

export type Asked =
  | {
      readonly folder: string;
      readonly isForHere: boolean;
      readonly baseUrl: string | undefined;
      readonly apiGroup: string | undefined;
    }
  | { readonly help: true }
  | { readonly error: string };

const OPTIONS = {
  help: { type: "boolean", short: "h" },
  for: { type: "string" },
  "base-url": { type: "string" },
  "api-group": { type: "string" },
} as const;

export function parseArguments(args: readonly string[], defaultFolder: string): Asked {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    if (values.help) return { help: true };
    const [folder = defaultFolder, ...more] = positionals;
    if (more.length > 0) return { error: "more than one folder was given" };
    if (folder === "") return { error: "the folder's name is empty" };
    if (values.for !== undefined && values.for !== "here") return { error: "--for can only be followed by here" };
    const given = values["base-url"];
    return {
      folder,
      isForHere: values.for === "here",
      baseUrl: given === undefined ? undefined : folderUrl(given, "--base-url must be an http(s) address"),
      apiGroup: apiGroupOf(values["api-group"]),
    };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

const WARNINGS = {
  baseUrl: `without --base-url, ocir-broker-node.sh has no address from which nodes download the archive.
Set sources= at its top, or OCIR_BROKER_SOURCES, to that address, put the archive into the nodes' image, or build again with --base-url.`,
  apiGroup: "without --api-group, the release has no pull-secrets controller.",
};

/** Empty if nothing is missing in the release. */
export function warningOf(given: Readonly<Partial<Record<keyof typeof WARNINGS, string | undefined>>>): string {
  const missing = Object.entries<string>(WARNINGS).filter(([name]) => !given[name as keyof typeof WARNINGS]);
  return missing.map(([, warning]) => `npm run package: warning: ${warning}\n`).join("");
}
