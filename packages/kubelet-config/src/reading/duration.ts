/** Go's duration syntax, as the kubelet reads it in defaultCacheDuration. */

const UNIT_NS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const DURATION = /^(?<sign>[+-]?)(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const PART = /[+-]?(?<whole>\d*)(?:\.(?<fraction>\d*))?(?<unit>[a-zµμ]+)/gy;
/** Nobody writes a longer one. */
const MAX_CHARACTERS = 64;
/** The largest signed 64-bit number: about 292 years. */
const MAX_NS = 2n ** 63n - 1n;

/** Nanoseconds, or undefined if Go's time.ParseDuration fails, or for a text that is too long. */
export function parseGoDurationNs(text: string): bigint | undefined {
  if (text.length > MAX_CHARACTERS) return undefined;
  const sign = DURATION.exec(text)?.groups?.["sign"];
  if (sign === undefined) return undefined;
  let totalNs = 0n;
  for (const [, whole, fraction = "", unit] of text.matchAll(PART)) {
    const unitNs = UNIT_NS[String(unit)] as bigint;
    totalNs += BigInt(String(whole)) * unitNs + BigInt(Math.trunc(Number(`0.${fraction}`) * Number(unitNs)));
  }
  if (totalNs > MAX_NS) return undefined;
  return sign === "-" ? -totalNs : totalNs;
}
