/** What the ids of one answer are made from, where the upstream gives none. */
import type { Call } from "./call.ts";

/** 36^10: ten letters or digits. */
const RANGE = 3_656_158_440_062_976;

/** Letters and digits, another for every call: its id alone may be the caller's choice, and the same one twice. */
export function seedOf({ id, services }: Call): string {
  return id.replace(/^req_|[^A-Za-z0-9]/g, "") + Math.floor(services.random() * RANGE).toString(36);
}
