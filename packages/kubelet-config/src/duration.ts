/** Go's duration syntax, as the kubelet reads it in defaultCacheDuration. */

const UNIT_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const DURATION = /^(?<sign>[+-]?)(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const PART = /(?<amount>[\d.]+)(?<unit>[a-zµμ]+)/g;
/** A signed 64-bit number of nanoseconds: about 292 years. */
const MAX_NS = 2 ** 63;

/** Nanoseconds, or undefined where Go's time.ParseDuration fails. Exact enough to tell the sign and the overflow. */
export function parseGoDurationNs(text: string): number | undefined {
  const sign = DURATION.exec(text)?.groups?.["sign"];
  if (sign === undefined) return undefined;
  let totalNs = 0;
  for (const [, amount, unit] of text.matchAll(PART)) totalNs += Number(amount) * Number(UNIT_NS[String(unit)]);
  if (totalNs >= MAX_NS) return undefined;
  return sign === "-" ? -totalNs : totalNs;
}
