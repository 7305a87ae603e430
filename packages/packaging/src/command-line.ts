/** The command line of `npm run package`. An argument that is not a folder's name creates and deletes nothing. */

export const USAGE = `usage: npm run package [-- DIR]

Makes archive, .deb and .rpm for amd64 and arm64, their bills of materials, the DaemonSet's image and manifest, the alerts, a
list of the build tools, and SHA256SUMS. It takes some minutes.

  DIR   where they go: a new or empty folder, or one that this command has made (default: dist/packages); what it made there
        before is deleted

  OCIR_BROKER_DOCS_URL   where the folder docs of this release is read, for the links of the alerts (environment)
  SOURCE_DATE_EPOCH      the time that is in all packages (environment; default: the last commit's)
`;

export type Asked = { readonly folder: string } | { readonly help: true } | { readonly fault: string };

export function parseArguments(args: readonly string[], defaultFolder: string): Asked {
  if (args.includes("--help") || args.includes("-h")) return { help: true };
  const option = args.find((arg) => arg.startsWith("-"));
  if (option !== undefined) return { fault: `${option}: unknown option; for a folder of that name write ./${option}` };
  const [folder = defaultFolder, ...more] = args;
  if (more.length > 0) return { fault: "more than one folder was given" };
  return folder === "" ? { fault: "the folder's name is empty" } : { folder };
}
