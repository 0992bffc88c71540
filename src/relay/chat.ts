/** A chat call: chooses the lane for each candidate, and answers whole or streamed. */
import { collect, replay } from "../codec/fold.ts";
import {
  type AnswerContext,
  type ChatEvent,
  type ChatRequest,
  type Codec,
  type JsonObject,
  RelayError,
} from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import { type Candidate, attempt } from "./attempt.ts";
import { readJsonBody } from "./body.ts";
import type { Call } from "./call.ts";
import { streamToClient } from "./client-stream.ts";
import { withEarlyHeaders } from "./early-headers.ts";
import { editBody, takesStreamOptions } from "./edits.ts";
import { answerHeaders, forwardedHeaders } from "./headers.ts";
import { openPassThrough } from "./pass-through.ts";
import { scanTopLevel, type TopLevel } from "./scan.ts";
import { type EventReader, noteEvent, openTranslation, readEvents, readLocalEvents } from "./translate.ts";
import { callUpstream, failureOf, setFirstDeadline } from "./upstream.ts";
import { validateFields } from "./validate.ts";
import { parseAnswer, readWhole } from "./whole.ts";

const encoder = new TextEncoder();
const EVENT_STREAM = /^text\/event-stream\b/i;

/** Reads, routes and answers; throws a `RelayError` for everything that ends before the first byte. */
export async function runChat(call: Call): Promise<Response> {
  const bytes = await readJsonBody(call);
  const top = scanTopLevel(bytes);
  const { defaultModel } = call.snapshot.config.modelRouting;
  validateFields(top, call.route, defaultModel === null ? undefined : "model");
  call.requestedModel = (top.value("model") as string | undefined) ?? defaultModel!;
  call.streaming = top.kind("stream") === 0x74;
  const resolution = call.snapshot.router.resolve(call.requestedModel);
  const work = new ChatWork(call, top);
  return withEarlyHeaders(
    call,
    attempt(call, resolution, (candidate) => work.tryOne(candidate)),
  );
}

/** One chat request, in the forms that its candidates may need; each is made once. */
class ChatWork {
  #request: ChatRequest | undefined;

  constructor(
    private readonly call: Call,
    private readonly top: TopLevel,
  ) {}

  /** The neutral form; only the translate lane pays for it. */
  get request(): ChatRequest {
    this.#request ??= this.call.route.codec.ingress!.decodeRequest(this.top.parse(), {
      model: this.call.requestedModel,
    });
    return this.#request;
  }

  async tryOne(candidate: Candidate): Promise<Response> {
    const { entry } = candidate;
    const { codec: ingress } = this.call.route;
    if (entry.provider.answer !== undefined) return this.#answerLocally(candidate);
    const same = entry.codecs.find((codec) => codec.id === ingress.id);
    return same === undefined ? this.#translate(candidate, entry.codecs[0]!) : this.#passThrough(candidate, same);
  }

  async #passThrough(candidate: Candidate, codec: Codec): Promise<Response> {
    const { call, top } = this;
    const { entry, model } = candidate;
    call.lane = "pass-through";
    call.dropped = undefined;
    const asksUsage = call.streaming && takesStreamOptions(codec.id, entry.traits(model));
    const { body, hidesUsage } = editBody(top, model, asksUsage);
    const response = await this.#send(candidate, codec, body);
    const signal = call.attemptSignal;
    try {
      if (call.streaming && isEventStream(response)) {
        const framing = entry.provider.framing ?? codec.framing;
        const watcher = codec.egress!.watcher();
        const source = await openPassThrough({ call, entry, response, framing, watcher, signal, hidesUsage });
        return streamToClient(call, source, framing, framing.contentType);
      }
      if (call.streaming || isEventStream(response)) return await this.#otherForm(candidate, codec, response);
      const bytes = await readWhole(call, entry, response);
      const facts = codec.egress!.readFacts(parseAnswer(bytes));
      if (facts.error !== undefined) throw facts.error;
      call.usage = facts.usage;
      call.finish = facts.finish;
      return this.#whole(bytes, response.headers.get("content-type") ?? "application/json");
    } catch (cause) {
      call.abandonAttempt();
      throw failureOf(call, signal, cause);
    }
  }

  async #translate(candidate: Candidate, codec: Codec): Promise<Response> {
    const { call } = this;
    const { entry } = candidate;
    call.lane = "translate";
    const body = encoder.encode(JSON.stringify(this.#encode(candidate, codec))) as Uint8Array<ArrayBuffer>;
    const response = await this.#send(candidate, codec, body);
    const signal = call.attemptSignal;
    try {
      if (call.streaming && isEventStream(response) && response.body !== null) {
        const events = readEvents(response.body, entry.provider.framing ?? codec.framing, codec);
        return await this.#streamEvents(events, entry, signal);
      }
      if (call.streaming || isEventStream(response)) return await this.#otherForm(candidate, codec, response);
      const answer = codec.egress!.decodeResponse(parseAnswer(await readWhole(call, entry, response)));
      call.usage = answer.usage;
      call.finish = answer.finish;
      return this.#whole(this.#write(call.route.codec.ingress!.encodeResponse(answer, this.#context())));
    } catch (cause) {
      call.abandonAttempt();
      throw failureOf(call, signal, cause);
    }
  }

  /** The upstream streamed where a whole answer was asked for, or the other way round: one is made from the other. */
  async #otherForm(candidate: Candidate, codec: Codec, response: Response): Promise<Response> {
    const { call } = this;
    const { entry } = candidate;
    const signal = call.attemptSignal;
    call.lane = "translate";
    if (call.streaming) {
      const answer = codec.egress!.decodeResponse(parseAnswer(await readWhole(call, entry, response)));
      return this.#streamEvents(readLocalEvents(iterate(replay(answer))), entry, signal);
    }
    if (response.body === null) throw new RelayError("upstream-malformed", "The upstream's stream is empty.");
    call.idleMs = entry.timeouts.idleMs;
    call.lastByteMs = call.services.active.now;
    const events = readEvents(response.body, entry.provider.framing ?? codec.framing, codec);
    return this.#collect(events);
  }

  async #answerLocally(candidate: Candidate): Promise<Response> {
    const { call } = this;
    const { entry, model } = candidate;
    call.lane = "translate";
    const signal = call.beginAttempt(entry);
    setFirstDeadline(call, entry);
    try {
      const events = readLocalEvents(entry.provider.answer!({ ...this.request, model }, signal));
      return call.streaming ? await this.#streamEvents(events, entry, signal) : await this.#collect(events);
    } catch (cause) {
      call.abandonAttempt();
      throw failureOf(call, signal, cause);
    }
  }

  async #streamEvents(events: EventReader, entry: ProviderEntry, signal: AbortSignal): Promise<Response> {
    const { call } = this;
    const { framing, ingress } = call.route.codec;
    const encode = ingress!.streamEncoder(this.#context());
    const source = await openTranslation(call, events, encode, framing, entry.timeouts.idleMs, signal);
    return streamToClient(call, source, framing, framing.contentType);
  }

  async #collect(reader: EventReader): Promise<Response> {
    const { call } = this;
    const events: ChatEvent[] = [];
    for (;;) {
      const batch = await reader.next();
      if (batch === null) break;
      call.deadline = undefined;
      call.lastByteMs = call.services.active.now;
      for (const event of batch) {
        if (event.type === "error") throw event.error;
        noteEvent(call, event);
        events.push(event);
      }
    }
    call.idleMs = 0;
    const answer = collect(events);
    return this.#whole(this.#write(call.route.codec.ingress!.encodeResponse(answer, this.#context())));
  }

  #send(candidate: Candidate, codec: Codec, body: Uint8Array<ArrayBuffer>): Promise<Response> {
    const { call } = this;
    const { entry, model, key } = candidate;
    return callUpstream(call, entry, key, codec, {
      operation: "chat",
      codec,
      method: "POST",
      path: "",
      query: codec.id === call.route.codec.id ? call.query : "",
      model,
      stream: call.streaming,
      body,
      contentType: "application/json",
      headers: codec.id === call.route.codec.id ? forwardedHeaders(call.request.headers) : {},
    });
  }

  /** The body for a foreign upstream; what it cannot say is named, refused or sent all the same, as configured. */
  #encode({ entry, model }: Candidate, codec: Codec): JsonObject {
    const { call, top } = this;
    const policy = call.snapshot.config.modelRouting.unsupportedParams;
    const dropped: string[] = [];
    const body = codec.egress!.encodeRequest(
      { ...this.request, model },
      {
        model,
        traits: entry.traits(model),
        lose(field, reason) {
          if (policy === "reject") {
            throw new RelayError("bad-request", `The model's provider does not take "${field}": ${reason}.`, {
              param: field,
              wireCode: "unsupported_parameter",
            });
          }
          if (!dropped.includes(field)) dropped.push(field);
        },
      },
    );
    if (policy === "forward") {
      for (const field of dropped) if (top.find(field) !== undefined) body[field] ??= top.value(field) as never;
    }
    call.dropped = dropped.length === 0 ? undefined : dropped;
    return body;
  }

  #context(): AnswerContext {
    const { call } = this;
    return {
      request: this.request,
      createdAt: Math.floor(call.receivedAt / 1000),
      seed: call.id.replace(/^req_|[^A-Za-z0-9]/g, ""),
      inputTokensEstimate: Math.ceil(this.top.bytes.length / 4),
    };
  }

  #write(body: JsonObject): Uint8Array<ArrayBuffer> {
    return encoder.encode(JSON.stringify(body)) as Uint8Array<ArrayBuffer>;
  }

  #whole(bytes: Uint8Array<ArrayBuffer>, contentType = "application/json"): Response {
    const { call } = this;
    call.bytesOut = bytes.length;
    call.firstByteMs = call.services.clock.monotonic();
    const headers = answerHeaders(call, contentType);
    call.end(200);
    return new Response(bytes, { status: 200, headers });
  }
}

function isEventStream(response: Response): boolean {
  return EVENT_STREAM.test(response.headers.get("content-type") ?? "");
}

async function* iterate(events: readonly ChatEvent[]): AsyncGenerator<ChatEvent> {
  yield* events;
}
