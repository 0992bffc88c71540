/** R76: whoever has the configuration read again leaves a line in the audit trail, whether it is taken or not. */
import { expect, test } from "bun:test";
import { syncRoutes } from "../../src/http/admin/sync.ts";
import type { ApiContext } from "../../src/http/api.ts";
import type { HttpServices } from "../../src/http/services.ts";
import type { SyncAnswer } from "../../src/sync/sync.ts";
import { openHouse, ORIGIN } from "../auth/support.ts";

const APPLIED: SyncAnswer = { type: "applied", generation: 7, changed: ["timeouts.idle"], warnings: [] };
const PROBLEM = { path: "server.access_key", message: "is a sample", code: "weak", line: 3, column: 1 };
const REJECTED = { type: "rejected", generation: 6, errors: [PROBLEM] } as unknown as SyncAnswer;

async function lines(answer: SyncAnswer, body: object, calls = 1): Promise<readonly object[]> {
  const house = await openHouse();
  const person = await house.person("olive");
  const services = { auth: house.services, sync: async () => answer } as unknown as HttpServices;
  const [route] = syncRoutes(services);
  const context = { body, identity: await person.identity(), origin: ORIGIN } as unknown as ApiContext;
  for (let call = 0; call < calls; call += 1) await Promise.resolve(route!.handler(context)).catch(() => {});
  const { items } = await house.services.audit.list({ action: "config.sync" });
  return items.map(({ actor, target, outcome, before, after }) => ({ actor, target, outcome, before, after }));
}

const LINE = { actor: "user:1", target: "disk", before: null };

test.each([
  ["taken", APPLIED, {}, [{ ...LINE, outcome: "ok", after: { generation: 7, changed: ["timeouts.idle"] } }]],
  ["refused", REJECTED, {}, [{ ...LINE, outcome: "config_invalid", after: null }]],
  ["only tried, and right", APPLIED, { dry_run: true }, []],
  ["only tried, and wrong", REJECTED, { dry_run: true }, []],
  ["of a source that is none", APPLIED, { source: "elsewhere" }, []],
])("a configuration that is %s", async (_name, answer, body, expected) => {
  expect(await lines(answer, body)).toEqual(expected);
});

test("each that is taken is a line", async () => {
  expect(await lines(APPLIED, {}, 3)).toHaveLength(3);
});
