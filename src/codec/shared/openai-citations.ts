/** URL citations as OpenAI's dialects write their fields; where the fields stand differs. */
import type { Annotation, Json, JsonObject } from "../../contract/chat.ts";
import { arrayOr, compact, numberOf, textOf } from "./json.ts";

/** `fieldsOf`: where in an entry the fields stand. Entries without a URL are left out. */
export function readCitations(value: Json | undefined, fieldsOf: (entry: Json) => JsonObject): Annotation[] {
  return arrayOr(value).flatMap((entry) => {
    const citation = fieldsOf(entry);
    const url = textOf(citation["url"]);
    if (url === undefined) return [];
    return [
      compact<Annotation>({
        type: "url-citation",
        url,
        title: textOf(citation["title"]),
        startIndex: numberOf(citation["start_index"]),
        endIndex: numberOf(citation["end_index"]),
      }),
    ];
  });
}

/**
 * @param start where in the whole text the part begins that rests on this source, and `end` where it ends: vendors that
 * do not say which words they mean give their sources with the part
 */
export function citationFields(annotation: Annotation, start: number, end: number): JsonObject {
  const { url, title, startIndex, endIndex } = annotation;
  return {
    url,
    title: title ?? "",
    start_index: start + (startIndex ?? 0),
    end_index: endIndex === undefined ? end : start + endIndex,
  };
}
