/** Conversations made shorter by the vendor whose models go on with them: passed on, as the result is sealed for its maker. */
import { type JsonObject, RelayError } from "../plugin/index.ts";
import type { Target } from "../routing/resolve.ts";
import { admitChat } from "./admission.ts";
import { lookAt } from "./asked.ts";
import { attempt } from "./attempt.ts";
import { readJsonBody } from "./body.ts";
import type { Call } from "./call.ts";
import { editBody } from "./edits.ts";
import { recalled } from "./kept-answers.ts";
import { mayNotPass } from "./may-not-pass.ts";
import { atPlace } from "./object-places.ts";
import { type RawBody, serving, tryOne } from "./raw.ts";
import { resolveFor } from "./reach.ts";
import type { TopLevel } from "./scan.ts";
import { continuedIn, continuedPlace, noteKept } from "./stored-answers.ts";

/** What the vendor takes here; of a request that is written anew, nothing else is sent. */
const FIELDS: ReadonlySet<string> = new Set([
  "model",
  "input",
  "instructions",
  "previous_response_id",
  "prompt_cache_key",
  "prompt_cache_retention",
  "prompt_cache_options",
  "service_tier",
]);

export async function runCompact(call: Call): Promise<Response> {
  const top = recalled(call, lookAt(call, await readJsonBody(call)));
  const found = resolveFor(call.snapshot.router, call.identity, call.requestedModel);
  const targets = serving(call, found);
  if (targets.length === 0) {
    throw new RelayError("not-found", `No provider of this model offers ${call.route.path}.`, {
      wireCode: "not_found",
    });
  }
  const resolution = { ...found, targets };
  const body = bodyOf(call, top);
  const continued = continuedIn(call, top);
  const place = continued === undefined ? undefined : await continuedPlace(call, continued, resolution);
  const target = resolution.targets.find(({ entry }) => entry === place?.entry);
  const admitted = body.admit(resolution);
  const read = (entry: Target["entry"]) => async (bytes: Uint8Array) => {
    if (call.key !== undefined) await noteKept(call, { entry, key: call.key }, bytes);
  };
  if (place !== undefined && target !== undefined) {
    return atPlace(call, place, target.model, () => tryOne(call, body, target, place.key, read(target.entry)));
  }
  return attempt(call, admitted, { tryOne: (each, key) => tryOne(call, body, each, key, read(each.entry)) });
}

function bodyOf(call: Call, top: TopLevel): RawBody {
  const { codec } = call.route;
  return {
    model: call.requestedModel,
    contentType: "application/json",
    isRepeatable: true,
    admit: (resolution) => admitChat(call, resolution, top),
    forModel: (model, entry) =>
      mayNotPass(top.bytes, codec, codec, { entry, model })
        ? rewritten(call, top, { entry, model })
        : editBody(top, call.requestedModel, model, false).body,
  };
}

/** Without what only we, or another vendor, could read. */
function rewritten({ route: { codec } }: Call, top: TopLevel, { entry, model }: Target): string {
  const request = codec.ingress!.decodeRequest(top.parse(), { model });
  const target = { model, traits: entry.traits(model), lose: () => {} };
  const body: JsonObject = codec.egress!.encodeRequest({ ...request, model }, target);
  return JSON.stringify(Object.fromEntries(Object.entries(body).filter(([name]) => FIELDS.has(name))));
}
