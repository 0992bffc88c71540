/** The pages that an answer of Gemini's rests on, and which of its words rest on which of them. */
import type { Annotation, Json, JsonObject } from "../../contract/chat.ts";
import { arrayOr, compact, isObject, numberOf, objectOr, textOf } from "../shared/json.ts";

/**
 * Pages from a search or from the model's memory: with the words that rest on them where that is told, else as pages of
 * the whole text.
 * @param said the answer's text so far; `undefined` when it is more than one
 */
export function readSources(candidate: JsonObject, said: string | undefined): Annotation[] {
  const metadata = objectOr(candidate["groundingMetadata"]);
  const found = arrayOr(metadata["groundingChunks"]).map((chunk) => Object.values(objectOr(chunk)).flatMap(readPage));
  const supports = arrayOr(metadata["groundingSupports"]).map(objectOr);
  const bytes = said === undefined || supports.length === 0 ? undefined : Buffer.from(said);
  const spans = bytes === undefined ? [] : supports.flatMap((support) => readSpan(support, found, bytes));
  const told = new Set(spans.map(({ url }) => url));
  const citation = objectOr(candidate["citationMetadata"]);
  const cited = arrayOr(citation["citationSources"] ?? citation["citations"]).flatMap(readPage);
  return [...spans, ...[...found.flat(), ...cited].filter(({ url }) => !told.has(url))];
}

function readPage(page: Json): Annotation[] {
  const { uri, title } = objectOr(page);
  const url = textOf(uri);
  if (url === undefined || !/^https?:\/\//i.test(url)) return [];
  return [compact<Annotation>({ type: "url-citation", url, title: textOf(title) })];
}

/** Places are counted in bytes of UTF-8 there and in characters here; words that are not at their place tell nothing. */
function readSpan(support: JsonObject, found: readonly Annotation[][], bytes: Buffer): Annotation[] {
  const { segment } = support;
  if (!isObject(segment)) return [];
  const start = numberOf(segment["startIndex"]) ?? 0;
  const words = bytes.subarray(start, numberOf(segment["endIndex"]) ?? 0).toString();
  if (words === "" || words !== segment["text"]) return [];
  const startIndex = bytes.subarray(0, start).toString().length;
  const span = { startIndex, endIndex: startIndex + words.length };
  return arrayOr(support["groundingChunkIndices"]).flatMap((index) =>
    (found[numberOf(index) ?? -1] ?? []).map((page) => ({ ...page, ...span })),
  );
}

/** By which one that is told again is known. */
export function citationKey({ url, startIndex, endIndex }: Annotation): string {
  return `${startIndex} ${endIndex} ${url}`;
}
