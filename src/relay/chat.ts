/** A chat call: chooses the lane for each candidate, and answers whole or streamed. */
import { replay } from "../codec/fold.ts";
import type { Answer } from "../net/answer.ts";
import type { ChatRequest, Codec, JsonObject, RelayError, Traits } from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import type { PoolKey } from "../routing/key-pool.ts";
import type { Wishes } from "../routing/layers.ts";
import type { Resolution, Target } from "../routing/resolve.ts";
import { isStreamOf } from "./answer-form.ts";
import { admitChat, isLimited } from "./admission.ts";
import { amendBody, amendTop } from "./amend.ts";
import { lookAt } from "./asked.ts";
import { AnswerWriter } from "./answer-writer.ts";
import { attempt, attemptAll, Attempts, type Work } from "./attempt.ts";
import { readJsonBody } from "./body.ts";
import { hideBodySecrets } from "./body-secrets.ts";
import type { Call } from "./call.ts";
import { streamToClient } from "./client-stream.ts";
import { hasEarlyHeaders, withEarlyHeaders } from "./early-headers.ts";
import { editBody, takesStreamOptions } from "./edits.ts";
import { noteResponse } from "./estimated-usage.ts";
import { failureResponse } from "./failure-response.ts";
import { fittingCodec } from "./fitting-codec.ts";
import { forwardedHeaders } from "./headers.ts";
import { recalled } from "./kept-answers.ts";
import { Losses } from "./losses.ts";
import { needsMedia, withMediaBytes } from "./media.ts";
import { atPlace } from "./object-places.ts";
import { openPassThrough } from "./pass-through.ts";
import { mayNotPass } from "./may-not-pass.ts";
import { resolveFor } from "./reach.ts";
import { inputTokensOf } from "./request-size.ts";
import { reframed } from "./reframe.ts";
import type { TopLevel } from "./scan.ts";
import { type Continued, continuedIn, continuedPlace, isKept, noteKept, runsInBackground } from "./stored-answers.ts";
import { toolsIn, withoutTools } from "./tool-downgrade.ts";
import { type Asked, askedOf, readAnswer, readEvents, readLocalEvents, readTold } from "./translate.ts";
import { accept, callUpstream, failureOf, Shape } from "./upstream.ts";
import { isPlainlyGood, parseAnswer } from "./answer-text.ts";
import { codecOf, Sent, thrown } from "./sent.ts";
import { answerWhole, readWhole } from "./whole.ts";

const encoder = new TextEncoder();

/**
 * Reads, routes and answers. Never rejects. The common call, whose first candidate speaks the client's dialect, is this
 * one function from its body to its answer: what it does not wait for costs it nothing.
 */
export async function runChat(call: Call, body?: Uint8Array<ArrayBuffer>): Promise<Response> {
  try {
    const read = body ?? readJsonBody(call);
    const top = recalled(call, lookAt(call, read instanceof Promise ? await read : read));
    call.streaming = call.said?.stream ?? top.kind("stream") === 0x74;
    const found = resolveFor(call.snapshot.router, call.identity, call.requestedModel);
    const resolution = isLimited(call) ? admitChat(call, found, top) : found;
    const work = new ChatWork(call, top);
    const continued = continuedIn(call, top);
    if (continued !== undefined) {
      return await withEarlyHeaders(call, continueAnswer(call, continued, resolution, work));
    }
    if (hasEarlyHeaders(call)) return await withEarlyHeaders(call, attempt(call, resolution, work));

    const attempts = new Attempts(call, resolution);
    attempts.next();
    try {
      const sent = work.begin(attempts.target, attempts.key);
      const response = sent instanceof Sent ? work.receive(sent, await sent.answer) : sent;
      const answered = response instanceof Promise ? await response : response;
      attempts.won();
      return answered;
    } catch (cause) {
      await attempts.lost(work.failureOf(cause));
    }
    return await attemptAll(attempts, work);
  } catch (cause) {
    return failureResponse(call, cause);
  }
}

/** What continues an answer can only be asked where it lies. */
async function continueAnswer(
  call: Call,
  continued: Continued,
  resolution: Resolution,
  work: ChatWork,
): Promise<Response> {
  const place = await continuedPlace(call, continued, resolution);
  const target = resolution.targets.find(({ entry }) => entry === place?.entry);
  if (place === undefined || target === undefined) return attempt(call, resolution, work);
  return atPlace(call, place, target.model, () => work.tryOne(target, place.key));
}

/** One chat request, in the forms that its candidates may need; each is made once. */
class ChatWork implements Work<Response> {
  #request: ChatRequest | undefined;
  /** What was taken out because the model cannot use tools. */
  #toolless: string | undefined;
  #fetched: { readonly codec: Codec; readonly traits: Traits; readonly request: ChatRequest } | undefined;

  constructor(
    private readonly call: Call,
    private readonly top: TopLevel,
    private readonly wishes?: Wishes,
    /** Parameters of the operator's that had no place so far. */
    private readonly unplaced: string[] = [],
  ) {}

  async tryOne(target: Target, key: PoolKey): Promise<Response> {
    try {
      const sent = this.begin(target, key);
      return await (sent instanceof Sent ? this.receive(sent, await sent.answer) : sent);
    } catch (cause) {
      throw this.failureOf(cause);
    }
  }

  /** What ended an attempt, which is over with it. */
  failureOf(cause: unknown): RelayError {
    this.call.abandonAttempt();
    return hideBodySecrets(failureOf(this.call, cause), this.top);
  }

  /** Sends the request as the operator wants it for this target; lanes that need more than that answer by themselves. */
  begin(target: Target, key: PoolKey): Sent | Promise<Response> {
    const { entry, model } = target;
    const wishes = entry.layers?.(this.call.requestedModel, model);
    if (wishes === undefined) return this.#beginAsIs(target, key);
    // Without an upstream there is one body only.
    const changes = entry.provider.answer === undefined ? wishes.client : [...wishes.client, ...wishes.upstream];
    const unplaced: string[] = [];
    const top = amendTop(this.top, changes, this.call.route.codec.layout!, { traits: entry.traits(model), unplaced });
    return new ChatWork(this.call, top, wishes, unplaced).#beginAsIs(target, key);
  }

  /** The neutral form; only the translate lane pays for it. */
  get request(): ChatRequest {
    this.#request ??= this.#decode();
    return this.#request;
  }

  #decode(): ChatRequest {
    this.call.inputEstimate = inputTokensOf(this.top.bytes);
    const hints = { model: this.call.requestedModel, stream: this.call.streaming };
    const request = this.call.route.codec.ingress!.decodeRequest(this.top.parse(), hints);
    const { tools = "kept" } = this.wishes ?? {};
    this.#toolless = tools === "kept" ? undefined : toolsIn(request);
    return this.#toolless === undefined ? request : withoutTools(request, tools === "described");
  }

  /** The operator says that the model cannot use tools, and here are some, offered or used. */
  #losesTools(): boolean {
    if (this.wishes === undefined || this.wishes.tools === "kept") return false;
    void this.request;
    return this.#toolless !== undefined;
  }

  #beginAsIs(target: Target, key: PoolKey): Sent | Promise<Response> {
    const { entry } = target;
    const { codec: ingress } = this.call.route;
    if (entry.provider.answer !== undefined) return this.#answerLocally(target);
    const codecs = entry.codecsOf === undefined ? entry.codecs : entry.codecsOf(target.model);
    const same = codecOf(codecs, ingress.id);
    if (same === undefined) return this.#translate(target, key, this.#fitting(codecs, target));
    const mustTranslate = this.#losesTools() || mayNotPass(this.top.bytes, ingress, same, target);
    return mustTranslate ? this.#translate(target, key, same) : this.#passThrough(target, key, same);
  }

  #fitting(codecs: readonly Codec[], { entry, model }: Target): Codec {
    const [first, ...others] = codecs as [Codec, ...Codec[]];
    return others.length === 0 ? first : fittingCodec([first, ...others], this.request, entry.traits(model));
  }

  #passThrough(target: Target, key: PoolKey, codec: Codec): Sent {
    const { call, wishes } = this;
    const { entry, model } = target;
    const top = wishes === undefined ? this.top : this.#amended(wishes, codec, entry.traits(model));
    call.lane = "pass-through";
    call.runsOn = runsInBackground(call, top);
    call.dropped = this.unplaced.length === 0 ? undefined : this.unplaced;
    const asksUsage = call.streaming && takesStreamOptions(codec.id, entry.traits(model));
    const isNamedOutside = call.said?.model !== undefined;
    const { body, hidesUsage } = isNamedOutside
      ? { body: top.bytes, hidesUsage: false }
      : editBody(top, call.requestedModel, model, asksUsage);
    const shape = this.#shape(codec, model, call.query, body, this.#headers(), key);
    return new Sent(callUpstream(call, entry, shape), target, key, codec, top, hidesUsage);
  }

  #amended({ upstream }: Wishes, codec: Codec, traits: Traits): TopLevel {
    return amendTop(this.top, upstream, codec.layout!, { traits, unplaced: this.unplaced });
  }

  /** The answer to a request that was passed through; at once when it is whole and there. */
  receive(sent: Sent, answer: Answer): Response | Promise<Response> {
    const { call } = this;
    const { codec, target, key } = sent;
    const { entry } = target;
    const refusal = accept(call, codec, answer, key);
    if (refusal !== undefined) return thrown(refusal);
    const contentType = answer.header("content-type") ?? "application/json";
    const isStream = isStreamOf(entry.provider.framing ?? codec.framing, contentType);
    if (call.streaming && isStream) return this.#receiveStream(sent, answer);
    if (call.streaming || isStream) return this.#otherForm(entry, codec, answer, askedOf(call, this.request, {}));
    const bytes = readWhole(call, entry, answer);
    if (bytes instanceof Promise) return this.#receiveLater(sent, bytes, contentType);
    return this.#receiveWhole(sent, bytes, contentType);
  }

  async #receiveStream({ codec, target, key, top, hidesUsage }: Sent, answer: Answer): Promise<Response> {
    const { call } = this;
    const { entry } = target;
    const framing = entry.provider.framing ?? codec.framing;
    const egress = codec.egress!;
    const source = await openPassThrough({ call, entry, answer, framing, egress, hidesUsage });
    if (isKept(call, top)) void noteKept(call, { entry, key }, source.head);
    if (call.said?.framing === undefined) return streamToClient(call, source, framing, framing.contentType);
    const { framing: asked } = call;
    return streamToClient(call, reframed(source, framing, asked), asked, asked.contentType);
  }

  async #receiveLater(sent: Sent, bytes: Promise<Uint8Array<ArrayBuffer>>, type: string): Promise<Response> {
    return this.#receiveWhole(sent, await bytes, type);
  }

  #receiveWhole(sent: Sent, bytes: Uint8Array<ArrayBuffer>, contentType: string): Response | Promise<Response> {
    const { call } = this;
    const { codec, target, key, top } = sent;
    const egress = codec.egress!;
    if (isPlainlyGood(bytes, egress.answerMark)) {
      call.readLater(bytes, codec);
      if (call.admission !== undefined) call.readNow();
    } else {
      const facts = egress.readFacts(parseAnswer(bytes));
      if (facts.error !== undefined) throw facts.error;
      call.usage = facts.usage;
      call.finish = facts.finish;
    }
    if (isKept(call, top))
      return this.#whenNoted(noteKept(call, { entry: target.entry, key }, bytes), bytes, contentType);
    return answerWhole(call, bytes, contentType);
  }

  async #whenNoted(noted: Promise<void>, bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<Response> {
    await noted;
    return answerWhole(this.call, bytes, contentType);
  }

  async #translate(target: Target, key: PoolKey, codec: Codec): Promise<Response> {
    const { call } = this;
    const { entry, model } = target;
    call.lane = "translate";
    call.runsOn = false;
    const traits = entry.traits(model);
    const needsBytes = needsMedia(call, this.request, codec, traits);
    const request = needsBytes ? await this.#withBytes(codec, traits) : this.request;
    const sent = this.#encode(request, target, codec);
    const body = encoder.encode(JSON.stringify(sent)) as Uint8Array<ArrayBuffer>;
    const isSame = codec.id === call.route.codec.id;
    const headers = isSame ? this.#headers() : (codec.egress!.headersFor?.(sent) ?? {});
    const shape = this.#shape(codec, model, isSame ? call.query : "", body, headers, key);
    const asked = askedOf(call, this.request, sent);
    try {
      const answer = await callUpstream(call, entry, shape);
      const refusal = accept(call, codec, answer, key);
      if (refusal !== undefined) throw await refusal;
      const framing = entry.provider.framing ?? codec.framing;
      const isStream = isStreamOf(framing, answer.header("content-type") ?? "");
      if (call.streaming && isStream) {
        const events = readEvents(answer, framing, codec, asked);
        return await this.#writer.stream(events, entry);
      }
      if (call.streaming || isStream) return await this.#otherForm(entry, codec, answer, asked);
      const told = readAnswer(codec, parseAnswer(await readWhole(call, entry, answer)), asked);
      const response = noteResponse(call, told);
      return this.#writer.whole(response);
    } catch (cause) {
      call.abandonAttempt();
      throw failureOf(call, cause);
    }
  }

  /** The upstream streamed where a whole answer was asked for, or the other way round: one is made from the other. */
  async #otherForm(entry: ProviderEntry, codec: Codec, answer: Answer, asked: Asked): Promise<Response> {
    const { call } = this;
    call.lane = "translate";
    if (call.streaming) {
      const response = readAnswer(codec, parseAnswer(await readWhole(call, entry, answer)), asked);
      return this.#writer.stream(readTold(replay(response)), entry);
    }
    call.idleMs = entry.timeouts.idleMs;
    call.lastByteMs = call.services.active.now;
    return this.#writer.collected(readEvents(answer, entry.provider.framing ?? codec.framing, codec, asked));
  }

  async #answerLocally({ entry, model }: Target): Promise<Response> {
    const { call } = this;
    call.lane = "translate";
    call.beginAttempt(entry);
    call.limitStep("first-byte", entry.timeouts.firstTokenMs);
    try {
      const { attemptSignal } = call;
      const events = readLocalEvents(entry.provider.answer!({ ...this.request, model }, attemptSignal), attemptSignal);
      const writer = this.#writer;
      return call.streaming ? await writer.stream(events, entry) : await writer.collected(events);
    } catch (cause) {
      call.abandonAttempt();
      throw failureOf(call, cause);
    }
  }

  get #writer(): AnswerWriter {
    return new AnswerWriter(this.call, this.top, this.request);
  }

  /** Fetched once, however many candidates of the same kind are tried. */
  async #withBytes(codec: Codec, traits: Traits): Promise<ChatRequest> {
    if (this.#fetched?.codec !== codec || this.#fetched.traits !== traits) {
      this.#fetched = { codec, traits, request: await withMediaBytes(this.call, this.request, codec, traits) };
    }
    return this.#fetched.request;
  }

  #headers(): Readonly<Record<string, string>> {
    const { request, moreHeaders } = this.call;
    const forwarded = forwardedHeaders(request.headers);
    return moreHeaders === undefined ? forwarded : { ...forwarded, ...moreHeaders };
  }

  #shape(
    codec: Codec,
    model: string,
    query: string,
    body: Uint8Array<ArrayBuffer>,
    headers: Readonly<Record<string, string>>,
    key: PoolKey,
  ): Shape {
    return new Shape(this.call, "chat", codec, "POST", "", query, model, body, "application/json", headers, key.secret);
  }

  /** The body for a foreign upstream; what it cannot say is named, refused or sent all the same, as configured. */
  #encode(request: ChatRequest, { entry, model }: Target, codec: Codec): JsonObject {
    const { call, top, unplaced } = this;
    const traits = entry.traits(model);
    const losses = new Losses(call);
    const body = codec.egress!.encodeRequest({ ...request, model }, { model, traits, lose: losses.lose });
    if (this.wishes !== undefined) amendBody(body, this.wishes.upstream, codec.layout, { traits, unplaced });
    if (this.#toolless !== undefined) losses.note(this.#toolless);
    for (const field of unplaced) losses.note(field);
    losses.settle(body, top);
    return body;
  }
}
