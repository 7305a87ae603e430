/** Finds the registry host of Oracle's that a mistyped one was probably meant to be. Pure. */

const REGISTRY_DOMAIN = "ocir.io";

/** More would find gcr.io and others. */
const MOST_EDITS = 2;

/** `iad.` or `us-ashburn-1.` before a domain. */
const SHORT_FORM = /^(?<region>[a-z]{3}|[a-z]{2,}(?:-[a-z0-9]+)+-[0-9]+)\.(?<domain>[a-z0-9-]+(?:\.[a-z0-9-]+)?)$/;

const LONG_FORM = /^ocir\.(?<region>[a-z]{2,}(?:-[a-z0-9]+)+-[0-9]+)\./;

/**
 * @param registryHost one that is not Oracle's.
 * @returns the host that it resembles, or Oracle's forms if it only has `ocir` in its name; undefined for any other host.
 */
export function lookAlikeOf(registryHost: string): string | undefined {
  const { region, domain = "" } = SHORT_FORM.exec(registryHost)?.groups ?? {};
  if (region !== undefined && editsBetween(domain, REGISTRY_DOMAIN) <= MOST_EDITS)
    return `${region}.${REGISTRY_DOMAIN}`;
  const long = LONG_FORM.exec(registryHost)?.groups?.["region"];
  if (long !== undefined) return `ocir.${long}.oci.oraclecloud.com`;
  return registryHost.split(".").includes("ocir") ? `<region>.${REGISTRY_DOMAIN}` : undefined;
}

/** Levenshtein's distance. */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [at, letter] of [...a].entries()) {
    const next = [at + 1];
    for (let to = 1; to <= b.length; to++) {
      const replaced = Number(row[to - 1]) + (letter === b[to - 1] ? 0 : 1);
      next.push(Math.min(replaced, Number(row[to]) + 1, Number(next[to - 1]) + 1));
    }
    row = next;
  }
  return Number(row.at(-1));
}
