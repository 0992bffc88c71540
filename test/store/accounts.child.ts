/** Run by tests as a process to be killed: makes accounts and keys, revokes the key before, and says what is now on disk. */
import { openStore } from "../../src/store/open.ts";
import { actor, newKey, newUser } from "./people.ts";
import { createMemoryLog, pathsIn } from "./samples.ts";

const [directory = "", from = "1"] = process.argv.slice(2);
const log = createMemoryLog();
const options = { busyTimeoutMs: 1000, synchronous: "full", log, redact: (text: string) => text } as const;
const { accounts } = await openStore({ ...pathsIn(directory), ...options });
console.log("begin");
// Bounded, should nobody come to end it.
for (let step = Number(from); step < Number(from) + 10_000; step += 1) {
  const outcome = await accounts.users.create(newUser(`user${step}`), actor());
  if (outcome.type !== "created") throw new Error(outcome.type);
  const key = newKey(String(step), { userId: outcome.user.id });
  await accounts.apiKeys.create(key, { liveMax: 9, idempotency: null }, actor());
  if (step > 1) await accounts.apiKeys.revoke(`key_${step - 1}`, actor());
  console.log(step);
}
