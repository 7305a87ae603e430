/**
 * The first thing that runs: a reload (SIGHUP) that comes while the daemon still starts must not end it. Node makes SIGHUP
 * deadly again whatever was inherited (ignored or blocked), so a launcher cannot do this; what comes before Node runs this
 * is a matter of 30 ms, and the service manager starts the daemon again, which then reads the configuration anyway.
 */
if (process.argv[2] === "serve") process.on("SIGHUP", () => {});
