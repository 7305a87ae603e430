/** Serves the files of one folder over HTTP, as a bucket does: `node object-storage.mjs FOLDER PORT`. */
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { basename, join } from "node:path";

const [, , folder, port] = process.argv;
createServer((request, response) => {
  const path = join(folder, basename(request.url));
  const length = statSync(path, { throwIfNoEntry: false })?.size;
  if (length === undefined) return response.writeHead(404).end();
  response.writeHead(200, { "content-length": length });
  createReadStream(path).pipe(response);
}).listen(Number(port), "127.0.0.1");
