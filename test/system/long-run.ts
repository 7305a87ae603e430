/** True for `npm run test:long`: sweeps then have their full length, and further tests are declared. */
export const isLongRun = process.env["OCIR_BROKER_LONG_RUN"] === "1";
