/** Writes what an upstream has said in the client's dialect: whole, or event by event. */
import { collect } from "../codec/fold.ts";
import type { AnswerContext, ChatEvent, ChatRequest, ChatResponse } from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import type { Call } from "./call.ts";
import { streamToClient } from "./client-stream.ts";
import { inputGuess, noteEvent } from "./estimated-usage.ts";
import { keepAnswer, keepingEncoder } from "./kept-answers.ts";
import type { TopLevel } from "./scan.ts";
import { seedOf } from "./seed.ts";
import { type EventReader, openTranslation } from "./translate.ts";
import { answerWhole } from "./whole.ts";

const encoder = new TextEncoder();

export class AnswerWriter {
  /** @param request as the client meant it */
  constructor(
    private readonly call: Call,
    private readonly top: TopLevel,
    private readonly request: ChatRequest,
  ) {}

  async stream(events: EventReader, entry: ProviderEntry): Promise<Response> {
    const { call } = this;
    const { framing } = call;
    const { ingress } = call.route.codec;
    const encode = keepingEncoder(call, this.top, ingress!.streamEncoder(this.#context()));
    const source = await openTranslation(call, events, encode, framing, entry.timeouts.idleMs);
    return streamToClient(call, source, framing, framing.contentType);
  }

  whole(response: ChatResponse): Response {
    const { call } = this;
    const body = call.route.codec.ingress!.encodeResponse(response, this.#context());
    keepAnswer(call, this.top, body);
    return answerWhole(call, encoder.encode(JSON.stringify(body)) as Uint8Array<ArrayBuffer>);
  }

  /** Of a stream, whose end is waited for. */
  async collected(reader: EventReader): Promise<Response> {
    const { call } = this;
    const events: ChatEvent[] = [];
    for (;;) {
      const batch = await reader.next();
      if (batch === null) break;
      call.endStep();
      call.lastByteMs = call.services.active.now;
      for (const event of batch) {
        if (event.type === "error") throw event.error;
        events.push(noteEvent(call, event));
      }
    }
    call.idleMs = 0;
    return this.whole(collect(events));
  }

  #context(): AnswerContext {
    const { call } = this;
    return {
      request: this.request,
      createdAt: Math.floor(call.receivedAt / 1000),
      seed: seedOf(call),
      inputTokensEstimate: inputGuess(call),
      requestId: call.id,
    };
  }
}
