/** A client for tests: its time stands still until told, and it can be asked in a word. */
import type { Answer, NetRequest } from "../../src/net/answer.ts";
import { type ClientOptions, createClient, type DirectClient } from "../../src/net/client.ts";
import { NetError } from "../../src/net/errors.ts";
import { createManualClock, type ManualClock } from "../../src/support/clock.ts";

export interface TestClient extends DirectClient, Disposable {
  readonly clock: ManualClock;
}

export function testClient(options: Partial<ClientOptions> = {}): TestClient {
  const clock = createManualClock();
  const client = createClient({ clock, schedule: clock.schedule, ...options });
  return {
    clock,
    send: (request) => client.send(request),
    close: () => client.close(),
    get stats() {
      return client.stats;
    },
    [Symbol.dispose]: () => client.close(),
  };
}

export const requestTo = (url: string, change: Partial<NetRequest> = {}): NetRequest => ({
  method: "POST",
  url,
  headers: {},
  body: "ping",
  connectMs: 5000,
  ...change,
});

export const textOf = async (answer: Answer, max = 100_000_000): Promise<string> =>
  Buffer.from(await answer.bytes(max)).toString("latin1");

/** Everything that can be read, and how it ended: `null` in good order, otherwise the error's code. */
export async function drain(answer: Answer): Promise<{ text: string; code: string | null }> {
  let text = "";
  try {
    for (;;) {
      const piece = await answer.read();
      if (piece === null) return { text, code: null };
      text += Buffer.from(piece).toString("latin1");
    }
  } catch (error) {
    return { text, code: codeOf(error) };
  }
}

/** What a promise was rejected with; fails when it was not, or with something that is no `NetError`. */
export async function rejection(promise: unknown): Promise<NetError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof NetError) return error;
    throw new Error(`rejected with something else: ${error}`);
  }
  throw new Error("not rejected");
}

function codeOf(error: unknown): string {
  return error instanceof NetError ? error.code : `not a NetError: ${error}`;
}
