/** Remembers a reload that is requested before the daemon can do it: the configuration may have been read too early. */

export interface EarlyReloads {
  /** Does it, or remembers it until `attach`. */
  request(): void;
  /** Does what was requested before, once. */
  attach(reload: () => void): void;
}

export function createEarlyReloads(): EarlyReloads {
  let attached: (() => void) | undefined;
  let isPending = false;
  return {
    request() {
      if (attached === undefined) isPending = true;
      else attached();
    },
    attach(reload) {
      attached = reload;
      if (isPending) reload();
    },
  };
}
