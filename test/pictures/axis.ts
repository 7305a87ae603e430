/** Numbers of a picture: the text for a value in one of Grafana's units, and the marks of an axis. */

const TIME_UNITS: readonly (readonly [seconds: number, name: string])[] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
  [1e-3, "ms"],
  [1e-6, "µs"],
];

export function written(value: number, unit: string, decimals?: number): string {
  switch (unit) {
    case "s": {
      const [seconds, name] = TIME_UNITS.find(([size]) => Math.abs(value) >= size * 0.999) ?? [1, "s"];
      return `${short(value / seconds)} ${name}`;
    }
    case "percentunit":
      return `${(value * 100).toFixed(decimals ?? 0)} %`;
    case "reqps":
      return `${short(value)}/s`;
    case "cpm":
      return `${short(value)}/min`;
    default:
      return decimals === undefined ? short(value) : value.toFixed(decimals);
  }
}

function short(value: number): string {
  return `${Number(value.toPrecision(Math.abs(value) >= 100 ? 3 : 2))}`;
}

/** The text for a mark. All marks have the unit of the step between them; without a step, each has its own. */
export function writtenMark({ step }: Axis, mark: number, unit: string): string {
  if (unit !== "s" || step === undefined) return written(mark, unit);
  const [seconds, name] = TIME_UNITS.find(([size]) => step >= size) ?? [1, "s"];
  return `${short(mark / seconds)} ${name}`;
}

export interface Axis {
  readonly marks: readonly number[];
  readonly step?: number;
  /** 0 at the bottom, 1 at the top. */
  place(value: number): number;
}

const STEPS = [1, 2, 5, 10];
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600];

export function linearAxis(largest: number, unit: string): Axis {
  const rough = (largest > 0 ? largest : 1) / 4;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step =
    unit === "s" && rough >= 1
      ? (TIME_STEPS.find((candidate) => candidate >= rough) ?? rough)
      : (STEPS.find((candidate) => candidate * decade >= rough) ?? 10) * decade;
  const top = step * Math.max(1, Math.ceil((largest * 1.02) / step));
  const marks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  return { marks, step, place: (value) => value / top };
}

/** Whole decades around the values. */
export function logAxis(values: readonly number[]): Axis {
  const exponents = values.filter((value) => value > 0).map(Math.log10);
  const low = Math.floor(Math.min(...exponents, 0));
  const high = Math.max(Math.ceil(Math.max(...exponents, low)), low + 1);
  const marks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  return { marks, place: (value) => (Math.log10(value) - low) / (high - low) };
}
