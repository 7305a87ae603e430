/** Parts that several sections of the schema have in common. */
import * as z from "zod";

export const absolutePath = z.string("must be a path").regex(/^\/[^\0]{1,4000}$/, "must be an absolute path");

export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, "must be a mapping of keys");
}
