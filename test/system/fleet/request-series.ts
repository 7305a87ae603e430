/** Requests second by second, and what is read off them: peaks, means, and what chance alone would do. */

/** Counts events by the second in which they fell. */
export class RequestSeries {
  readonly #perSecond: number[] = [];

  add(atMs: number, count = 1): void {
    const second = Math.floor(atMs / 1_000);
    this.#perSecond[second] = (this.#perSecond[second] ?? 0) + count;
  }

  /** One number a second, from `fromS` up to `untilS`. */
  seconds(fromS: number, untilS: number): number[] {
    return Array.from({ length: untilS - fromS }, (_, index) => this.#perSecond[fromS + index] ?? 0);
  }

  total(fromS: number, untilS: number): number {
    return sum(this.seconds(fromS, untilS));
  }

  /** Requests a second, on average. */
  mean(fromS: number, untilS: number): number {
    return this.total(fromS, untilS) / (untilS - fromS);
  }

  /** The highest second. */
  peakSecond(fromS: number, untilS: number): number {
    return Math.max(...this.seconds(fromS, untilS));
  }

  /** The highest whole minute, in requests a second. */
  peakMinute(fromS: number, untilS: number): number {
    return Math.max(...this.minutes(fromS, untilS));
  }

  /** The average of each whole minute, in requests a second. */
  minutes(fromS: number, untilS: number): number[] {
    const length = Math.floor((untilS - fromS) / 60);
    return Array.from({ length }, (_, index) => this.mean(fromS + 60 * index, fromS + 60 * index + 60));
  }
}

/**
 * The highest of `buckets` counts that is to be expected if each event falls where it likes (Poisson): what no
 * schedule without coordination goes below for long.
 */
export function expectedPeak(mean: number, buckets: number): number {
  let expected = 0;
  let logTerm = -mean;
  let upTo = Math.exp(logTerm);
  // The expectation of a maximum: the sum over k of the chance that it is above k.
  for (let count = 0; count < mean * 4 + 60; count++) {
    expected += 1 - Math.min(1, upTo) ** buckets;
    logTerm += Math.log(mean) - Math.log(count + 1);
    upTo += Math.exp(logTerm);
  }
  return expected;
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
