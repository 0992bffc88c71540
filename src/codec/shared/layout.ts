/** Places parameters by a table: the dialect's own path for each of OpenAI's names, or none. */
import type { Json } from "../../contract/chat.ts";
import type { ReadField, RequestLayout } from "../../contract/layout.ts";

/** A dotted path; a list of them: the first that the body has, else the first; `null`: the dialect has nothing like it. */
export type Places = { readonly [parameter: string]: string | readonly string[] | null };

/** Parameters of which a dialect takes lists only, where others take a single one as well. */
const LISTS: ReadonlySet<string> = new Set(["stop_sequences", "stopSequences"]);

export function placeBy(places: Places): RequestLayout["place"] {
  return (parameter, value, read) => {
    const [name = "", ...inner] = parameter.split(".");
    const place = Object.hasOwn(places, name) ? places[name] : name;
    if (place === null || place === undefined) return undefined;
    const [first = "", ...rest] = choose(place, read).split(".");
    const last = rest.at(-1) ?? first;
    const written = LISTS.has(last) && !Array.isArray(value) && inner.length === 0 ? [value] : value;
    return { path: [first, ...rest, ...inner], value: written };
  };
}

function choose(place: string | readonly string[], read: ReadField): string {
  if (typeof place === "string") return place;
  return place.find((path) => read(path.split(".", 1)[0] ?? "") !== undefined) ?? place[0] ?? "";
}

/** Text before text. */
export function joinPrompts(prompt: string, own: Json | undefined): string {
  return typeof own === "string" && own !== "" ? `${prompt}\n\n${own}` : prompt;
}
