/** Types for the part of the package that we use; it has none. */
declare module "systemd-notify" {
  /** Resolves when the program has exited with 0; rejects with its output, or with an Error. */
  function notify(options: { ready?: boolean; status?: string; pid?: number }): Promise<unknown>;
  export = notify;
}
