export { missingPrograms, TARGETS, type Target } from "./target.ts";
