/** I4 `kill -9` while accounts are written: what was acknowledged is there, whole, with one super admin. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { later, makeDirectory, open, pathsIn } from "./fixtures.ts";

const ROUNDS = 4;

async function writeAndKill(directory: string, from: number, steps: number, extraMs: number): Promise<number> {
  const command = [process.execPath, join(import.meta.dir, "accounts.child.ts"), directory, String(from)];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit", timeout: 20_000 });
  later(() => child.kill(9));
  const decoder = new TextDecoder();
  let text = "";
  let isDoomed = false;
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    if (isDoomed || text.split("\n").length <= steps + 1) continue;
    isDoomed = true;
    setTimeout(() => child.kill(9), extraMs);
  }
  await child.exited;
  return Number(text.split("\n").at(-2));
}

test(`${ROUNDS} rounds: every acknowledged account, key and revocation is on disk, and no half of one`, async () => {
  const directory = makeDirectory();
  let next = 1;
  for (let round = 0; round < ROUNDS; round += 1) {
    const last = await writeAndKill(directory, next, 10 + round * 7, round * 2.3);
    expect(last).toBeGreaterThanOrEqual(next);
    const store = await open(pathsIn(directory));
    const { users, apiKeys, orgs, audit } = store.accounts;
    for (let step = next; step <= last; step += 1) {
      const user = await users.findByName(`user${step}`);
      expect(user?.role).toBe(step === 1 ? "super_admin" : "user");
      const key = await apiKeys.find(`key_${step}`);
      expect(key?.key.userId).toBe(user!.id);
      if (step > 1) expect((await apiKeys.find(`key_${step - 1}`))?.key.revokedAt).not.toBeNull();
      expect(await orgs.homeOf(user!.id)).toBeDefined();
    }
    expect((await users.list({ role: "super_admin" })).items).toHaveLength(1);
    // The step that was under way may have come to its first or second write, each with its line of the trail.
    const [newest] = (await users.list({}, { limit: 1 })).items;
    next = Number(newest!.username.slice(4)) + 1;
    expect(next - 1).toBeWithin(last, last + 2);
    const lines = await audit.list({ action: "user.create", target: `user:${newest!.id}` });
    expect(lines.items).toHaveLength(1);
    await store.close();
  }
}, 60_000);
