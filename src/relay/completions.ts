/** Completions: as they are where an upstream has them; a plain prompt may be answered by one that only chats. */
import type { Resolution } from "../routing/resolve.ts";
import { lookAt } from "./asked.ts";
import { readJsonBody } from "./body.ts";
import type { Call } from "./call.ts";
import { runChat } from "./chat.ts";
import { jsonBody, passOn, serving } from "./raw.ts";
import { resolveFor } from "./reach.ts";

export async function runCompletions(call: Call): Promise<Response> {
  const body = await readJsonBody(call);
  const top = lookAt(call, body);
  const resolution: Resolution = resolveFor(call.snapshot.router, call.identity, call.requestedModel);
  if (serving(call, resolution).length === 0 && call.route.asChat !== undefined) {
    call.route = call.route.asChat;
    return runChat(call, body);
  }
  return passOn(call, resolution, jsonBody(call, top));
}
