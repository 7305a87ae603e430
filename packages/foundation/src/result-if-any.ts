/** The result of work that may fail for reasons that do not matter; undefined if it throws. */
export function resultIfAny<Value>(work: () => Value): Value | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
