/**
 * `npm run bench`: measures the cost of a response. Variants take turns in one run, so that a drift of the machine affects all.
 *
 * Measures calls, the daemon's largest load, and the service under a real systemd. Prints tables with their bars. Compare ratios;
 * absolute times only on one machine. With `--peer`, compares with the existing credential provider instead.
 */
import { printCallTimes } from "./call-times.ts";
import { printFullHouse } from "./full-house.ts";
import { printPeer } from "./peer.ts";
import { printSystemd } from "./systemd-figures.ts";

if (process.argv.includes("--peer")) await printPeer();
else {
  await printCallTimes();
  await printFullHouse();
  // Last, because some of these measure an idle service.
  await printSystemd();
}
