/** A daemon's /metrics, as text and as families with their label values. */
import { execFileSync } from "node:child_process";

export function scrape(healthSocket: string): string {
  return execFileSync("curl", ["-sS", "--unix-socket", healthSocket, "http://localhost/metrics"], { encoding: "utf8" });
}

/** Each with its labels but a histogram's `le`. */
export function familiesOf(exposition: string) {
  const families = new Map<string, { readonly type: string; readonly labels: Map<string, Set<string>> }>();
  for (const line of exposition.split("\n")) {
    const declared = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (declared) families.set(declared[1] as string, { type: declared[2] as string, labels: new Map() });
    const sample = /^([a-z0-9_]+)(?:\{(.*)\})? \S+$/.exec(line);
    if (!sample) continue;
    const family = families.get(familyName(sample[1] as string, families));
    if (family === undefined) throw new Error(`no type was declared for ${line}`);
    for (const [, name, value] of (sample[2] ?? "").matchAll(/([a-z_]+)="([^"]*)"/g)) {
      if (name === "le") continue;
      const values = family.labels.get(name as string) ?? new Set();
      family.labels.set(name as string, values.add(value as string));
    }
  }
  return families;
}

/** The family of a sample's name, or of a name in a query. */
export function familyName(name: string, families: { has(name: string): boolean }): string {
  return families.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, "");
}
