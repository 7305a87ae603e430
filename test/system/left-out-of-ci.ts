/** CI has no hour: the longest runs are for a run by hand. Their titles end with `leftOut`, so that what is left out is seen. */
export const inCi = Boolean(process.env["CI"]);
export const leftOut = inCi ? " (skipped: CI)" : "";
