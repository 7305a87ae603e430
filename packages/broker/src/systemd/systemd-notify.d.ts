/** The package has no types of its own; these are of what we use of it. */
declare module "systemd-notify" {
  /** Resolves when the program has ended with 0; rejects with what it printed, or with an Error. */
  function notify(options: { ready?: boolean; status?: string; pid?: number }): Promise<unknown>;
  export = notify;
}
