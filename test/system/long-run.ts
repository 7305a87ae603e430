/** If this is `npm run test:long`: then sweeps take their full length, and the tests that exist only there are declared. */
export const isLongRun = process.env["OCIR_BROKER_LONG_RUN"] === "1";
