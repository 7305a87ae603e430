import { createHash } from "node:crypto";
console.log("hello", createHash("sha256").update("x").digest("hex").length, process.execArgv, process.env.OCIR_BROKER_VERSION);
