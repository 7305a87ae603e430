/** A hostile registry: each token's subject has as many blanks as fit into a response. usage: node hostile-registry.mjs PORT */
import { createServer } from "node:http";

const BLANKS = 59_000;

const partOf = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const claims = { sub: `${" ".repeat(BLANKS)}x`, exp: Math.floor(Date.now() / 1_000) + 3_600 };
const body = JSON.stringify({ token: `${partOf({ alg: "RS256" })}.${partOf(claims)}.c2ln`, expires_in: 3_600 });

createServer((_request, response) => response.end(body)).listen(Number(process.argv[2]), "127.0.0.1");
