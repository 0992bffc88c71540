/** Places parameters by a table: the dialect's own path for each of OpenAI's names, or none. */
import type { Json } from "../../contract/chat.ts";
import type { Traits } from "../../contract/codec.ts";
import type { ReadField, RequestLayout } from "../../contract/layout.ts";

/** A dotted path; a list of them: the first that the body has, else the first; `null`: the dialect has nothing like it. */
type Place = string | readonly string[] | null;

/** Where it depends on the model, a function of its traits. */
export type Places = { readonly [parameter: string]: Place | ((traits: Traits) => Place) };

/** Parameters of which a dialect takes lists only, where others take a single one as well. */
const LISTS: ReadonlySet<string> = new Set([
  "stop_sequences",
  "generationConfig.stopSequences",
  "generation_config.stopSequences",
  "inferenceConfig.stopSequences",
  "options.stop",
]);

export function placeBy(places: Places): RequestLayout["place"] {
  return (parameter, value, read, traits = {}) => {
    const [name = "", ...inner] = parameter.split(".");
    const found = Object.hasOwn(places, name) ? places[name]! : name;
    const place = typeof found === "function" ? found(traits) : found;
    if (place === null) return undefined;
    const path = choose(place, read);
    const [first = "", ...rest] = path.split(".");
    const written = LISTS.has(path) && !Array.isArray(value) && inner.length === 0 ? [value] : value;
    return { path: [first, ...rest, ...inner], value: written };
  };
}

/**
 * Parameters of OpenAI's that the dialects of other makers have under no name at all. What stands in no table goes to
 * the top as it is: it is the dialect's own.
 */
export const NOWHERE = {
  n: null,
  logit_bias: null,
  logprobs: null,
  top_logprobs: null,
  moderation: null,
  parallel_tool_calls: null,
  prompt_cache_key: null,
  prompt_cache_options: null,
  prompt_cache_retention: null,
  response_format: null,
  reasoning_effort: null,
  safety_identifier: null,
  service_tier: null,
  store: null,
  stream_options: null,
  user: null,
  verbosity: null,
} as const satisfies Places;

function choose(place: string | readonly string[], read: ReadField): string {
  if (typeof place === "string") return place;
  return place.find((path) => read(path.split(".", 1)[0] ?? "") !== undefined) ?? place[0] ?? "";
}

/** Text before text. */
export function joinPrompts(prompt: string, own: Json | undefined): string {
  return typeof own === "string" && own !== "" ? `${prompt}\n\n${own}` : prompt;
}
