/** The pages that an answer of Gemini's rests on, and which of its words rest on which of them. */
import type { Annotation, HostedWork, Json, JsonObject } from "../../contract/chat.ts";
import { arrayOr, compact, isEmpty, isObject, numberOf, objectOr, textOf } from "../shared/json.ts";

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

/** Collects, while an answer is written, what it rests on: words and pages, searches and what they found. */
export class Grounding {
  /** In bytes, of the texts so far. */
  #written = 0;
  /** Places of the pages, and their titles. */
  readonly #pages = new Map<string, { readonly at: number; title: string }>();
  readonly #supports: { readonly segment: JsonObject; readonly groundingChunkIndices: number[] }[] = [];
  readonly #queries: string[] = [];

  /** The next text as the client sees it; a page without a place is one of the whole text. */
  text(text: string, annotations: readonly Annotation[] = []): void {
    for (const { url, title, startIndex = 0, endIndex = text.length } of annotations) {
      this.#support(text, startIndex, endIndex, this.#page(url, title));
    }
    this.#written += Buffer.byteLength(text);
  }

  call(work: HostedWork): void {
    if (work.kind !== "web-search") return;
    for (const { url, title } of work.sources ?? []) this.#page(url, title);
    this.#queries.push(...work.queries.filter((query) => query !== ""));
  }

  /** `groundingMetadata`, or nothing. */
  write(): JsonObject {
    const groundingChunks = [...this.#pages].map(([uri, { title }]) => ({ web: { uri, title } }));
    const metadata = {
      ...(groundingChunks.length === 0 ? {} : { groundingChunks }),
      ...(this.#supports.length === 0 ? {} : { groundingSupports: this.#supports }),
      ...(this.#queries.length === 0 ? {} : { webSearchQueries: this.#queries }),
    };
    return isEmpty(metadata) ? {} : { groundingMetadata: metadata };
  }

  /** Pages that were cited are among those that were found, and are told once. */
  #page(url: string, title = ""): number {
    const known = this.#pages.get(url);
    if (known === undefined) {
      this.#pages.set(url, { at: this.#pages.size, title });
      return this.#pages.size - 1;
    }
    if (known.title === "") known.title = title;
    return known.at;
  }

  #support(text: string, start: number, end: number, page: number): void {
    const words = text.slice(start, end);
    if (words === "") return;
    const startIndex = this.#written + Buffer.byteLength(text.slice(0, start));
    const endIndex = startIndex + Buffer.byteLength(words);
    const last = this.#supports.at(-1);
    const isSame = last?.segment["startIndex"] === startIndex && last.segment["endIndex"] === endIndex;
    if (isSame && !last.groundingChunkIndices.includes(page)) last.groundingChunkIndices.push(page);
    else if (!isSame) {
      this.#supports.push({ segment: { startIndex, endIndex, text: words }, groundingChunkIndices: [page] });
    }
  }
}
