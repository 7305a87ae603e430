/** Ends the program quietly if the reader of its output is gone, as in `ocir-broker doctor | head -1`. */
import { exitNow } from "./exit-now.ts";

/** Other errors, such as a full disk, are thrown. */
export function endWithReader(streams: readonly NodeJS.WriteStream[]): void {
  for (const stream of streams) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      process.exitCode ??= 0;
      exitNow();
    });
  }
}
