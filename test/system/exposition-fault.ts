/**
 * A strict check of a metrics file: each metric has its help, then its type, then its samples; nothing is repeated or truncated.
 * Prometheus is less strict, and accepts half a file.
 */

const SAMPLE = /^([a-z0-9_]+)(?:\{(?:[a-z_]+="[^"\\\n]*",?)+\})? (?:[-+]?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|Inf)|NaN)$/;

/** The fault; undefined without one. */
export function expositionFault(text: string): string | undefined {
  if (!text.endsWith("\n")) return "ends in the middle of a line";
  const seen = new Set<string>();
  let family: string | undefined;
  let isTyped = false;
  let isHistogram = false;
  let last = "";
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const help = /^# HELP (\S+) \S/.exec(line);
    if (help) {
      if (family !== undefined && !isTyped) return `no type: ${family}`;
      if (isHistogram && last !== "" && !last.endsWith("_count")) return `no end: ${family}`;
      family = help[1] as string;
      if (seen.has(family)) return `twice: ${family}`;
      seen.add(family);
      isTyped = false;
      last = "";
      continue;
    }
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (type) {
      if (type[1] !== family || isTyped) return `a type out of place: ${line}`;
      isTyped = true;
      isHistogram = type[2] === "histogram";
      continue;
    }
    const sample = SAMPLE.exec(line)?.[1];
    if (sample === undefined) return `neither comment nor sample: ${line}`;
    const name = isHistogram ? sample.replace(/_(?:bucket|sum|count)$/, "") : sample;
    if (!isTyped || name !== family) return `a sample out of place: ${line}`;
    last = sample;
  }
  if (family === undefined || !isTyped) return "no metric at its end";
  return isHistogram && last !== "" && !last.endsWith("_count") ? `no end: ${family}` : undefined;
}

/** The names in order, which are equal for two complete files of one daemon. */
export function familiesIn(text: string): string[] {
  return [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name as string);
}
