/** `npm run sign`: signs what `npm run package` has made. */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { CHECKOUT } from "../release.ts";
import { signRelease } from "./sign-release.ts";

const USAGE = `usage: npm run sign -- --key FINGERPRINT [DIR]

Signs each .rpm, each chart and SHA256SUMS with an OpenPGP key whose secret part is in GNUPGHOME, and adds the public key.
It signs nothing if a file differs from SHA256SUMS. Needs gpg and rpmsign (Debian packages gnupg, rpm).

  DIR   a release of npm run package (default: dist/packages)
`;

try {
  const { values, positionals } = parseArgs({
    options: { key: { type: "string" }, help: { type: "boolean", short: "h" } },
    allowPositionals: true,
  });
  const [folder = join(CHECKOUT, "dist/packages"), ...more] = positionals;
  if (values.help) process.stdout.write(USAGE);
  else if (values.key === undefined || more.length > 0) {
    process.stderr.write(USAGE);
    process.exitCode = 2;
  } else {
    await signRelease(resolve(folder), values.key);
    process.stdout.write(`signed: ${resolve(folder)}\n`);
  }
} catch (error) {
  process.stderr.write(`npm run sign: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
