/**
 * Ignores a reload (SIGHUP) that arrives while the daemon is still starting; must be the first import. A launcher cannot
 * do this, because Node resets SIGHUP to its deadly default even if it was inherited as ignored or blocked. The gap before
 * this code runs is about 30 ms; the service manager then restarts the daemon, which reads the configuration anyway.
 */
if (process.argv[2] === "serve") process.on("SIGHUP", () => {});
