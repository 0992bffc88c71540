/** What the records ask of an answer, for dialects that only upstreams speak: nothing passes through in them. */
import type { ChatEvent, ChatResponse, Finish, JsonObject, Usage } from "../../contract/chat.ts";
import type { AnswerFacts, Frame, StreamWatcher } from "../../contract/codec.ts";
import type { RelayError } from "../../contract/errors.ts";
import { isEmpty } from "./json.ts";
import { mergeUsage } from "./usage.ts";

type Read = (frame: Frame | null) => ChatEvent[];

/** A watcher that reads everything: thorough and dear, which matters only where answers pass by in great numbers. */
export function watchByReading(createReader: () => Read): () => StreamWatcher {
  return () => new ReadingWatcher(createReader());
}

class ReadingWatcher implements StreamWatcher {
  readonly #read: Read;
  started = false;
  ended = false;
  model: string | undefined;
  usage: Usage | undefined;
  finish: Finish | undefined;
  error: RelayError | undefined;

  constructor(read: Read) {
    this.#read = read;
  }

  get marked(): boolean {
    return this.ended;
  }

  see(frame: Frame): void {
    for (const event of this.#read(frame)) {
      switch (event.type) {
        case "error":
          this.error = event.error;
          return;
        case "response-start":
          this.model = event.model;
          this.usage = event.usage;
          break;
        case "response-end":
          this.ended = true;
          this.finish = event.finish;
          this.usage = mergeUsage(this.usage, event.usage);
      }
      this.started = true;
    }
  }
}

export function factsByReading(decodeResponse: (body: JsonObject) => ChatResponse): (body: JsonObject) => AnswerFacts {
  return (body) => {
    const { model, usage, finish } = decodeResponse(body);
    return { finish, ...(model === "" ? {} : { model }), ...(isEmpty(usage) ? {} : { usage }) };
  };
}
