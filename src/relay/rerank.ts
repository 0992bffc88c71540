/** Rerank: documents sorted by how well they fit, in one form for clients, whichever of the vendors' forms lies behind. */
import {
  commonRerank,
  type Json,
  type JsonObject,
  RelayError,
  type Rerank,
  type RerankAnswer,
  type RerankRequest,
} from "../plugin/index.ts";
import type { PoolKey } from "../routing/key-pool.ts";
import type { Target } from "../routing/resolve.ts";
import { parseJsonAnswer } from "./answer-text.ts";
import { admitOther } from "./admission.ts";
import { lookAt } from "./asked.ts";
import { amendTop } from "./amend.ts";
import { attempt } from "./attempt.ts";
import { readJsonBody } from "./body.ts";
import type { Call } from "./call.ts";
import { editBody } from "./edits.ts";
import { forwardedHeaders } from "./headers.ts";
import { Losses } from "./losses.ts";
import { serving } from "./raw.ts";
import { resolveFor } from "./reach.ts";
import type { TopLevel } from "./scan.ts";
import { answerFrom, failureOf, Shape } from "./upstream.ts";
import { answerWhole, readWhole } from "./whole.ts";

const DOCUMENTS_MAX = 1000;
const JSON_TYPE = "application/json";
/** Fields of the request that every form has a place for. */
const COMMON: ReadonlySet<string> = new Set(["model", "query", "documents", "top_n", "return_documents"]);

const encoder = new TextEncoder();

/** A client's request, checked. */
interface Asked extends RerankRequest {
  /** As they were sent, for whoever wants them back. */
  readonly sent: readonly (string | JsonObject)[];
  readonly returnsDocuments: boolean;
}

export async function runRerank(call: Call): Promise<Response> {
  const top = lookAt(call, await readJsonBody(call));
  const asked = readAsked(top);
  const resolution = resolveFor(call.snapshot.router, call.identity, call.requestedModel);
  const targets = serving(call, resolution);
  if (targets.length === 0) {
    throw new RelayError("not-found", "No provider of this model sorts documents.", { wireCode: "not_found" });
  }
  const admitted = admitOther(call, { ...resolution, targets }, top.bytes);
  return attempt(call, admitted, { tryOne: (target, key) => tryOne(call, top, asked, target, key) });
}

function readAsked(top: TopLevel): Asked {
  const sent = top.value("documents") as readonly unknown[];
  if (sent.length > DOCUMENTS_MAX) {
    throw new RelayError("bad-request", `At most ${DOCUMENTS_MAX} documents can be sorted at once.`, {
      param: "documents",
    });
  }
  const documents = sent.map((document, index) => {
    const text = typeof document === "object" && document !== null ? (document as JsonObject)["text"] : document;
    if (typeof text === "string") return text;
    throw new RelayError("bad-request", `"documents[${index}]" must be a text, or an object with a text.`, {
      param: `documents[${index}]`,
    });
  });
  const topN = top.find("top_n") === undefined ? null : top.value("top_n");
  if (topN !== null && !(Number.isInteger(topN) && (topN as number) > 0)) {
    throw new RelayError("bad-request", '"top_n" must be a whole number from 1 on.', { param: "top_n" });
  }
  return {
    query: top.value("query") as string,
    documents,
    sent: sent as Asked["sent"],
    returnsDocuments: top.find("return_documents") !== undefined && top.value("return_documents") === true,
    ...(topN === null ? {} : { topN: topN as number }),
  };
}

async function tryOne(call: Call, top: TopLevel, asked: Asked, target: Target, key: PoolKey): Promise<Response> {
  const { entry, model } = target;
  const { codec } = call.route;
  const form = entry.provider.rerank ?? commonRerank;
  call.dropped = undefined;
  const isCommon = form.encodeRequest === undefined;
  call.lane = isCommon ? "raw" : "translate";
  const body = isCommon ? asItIs(call, top, asked, model) : translated(call, top, asked, form, model);
  const headers = isCommon ? forwardedHeaders(call.request.headers) : {};
  const shape = new Shape(call, "rerank", codec, "POST", form.path, "", model, body, JSON_TYPE, headers, key.secret);
  try {
    const bytes = await readWhole(call, entry, await answerFrom(call, entry, key, shape));
    const answer = form.decodeAnswer(parseJsonAnswer(bytes));
    if (answer.inputTokens !== undefined) call.usage = { inputTokens: answer.inputTokens };
    const written = encoder.encode(JSON.stringify(answerOf(call, asked, answer))) as Uint8Array<ArrayBuffer>;
    return answerWhole(call, written);
  } catch (cause) {
    call.abandonAttempt();
    throw failureOf(call, cause);
  }
}

/** As the client wrote it; but texts wrapped in objects are unwrapped, as only some servers know both. */
function asItIs(call: Call, top: TopLevel, asked: Asked, model: string): Uint8Array<ArrayBuffer> {
  const isWrapped = asked.sent.some((document) => typeof document !== "string");
  const isPlain = asked.sent.every((document) => typeof document === "string" || Object.keys(document).length === 1);
  const value = [...asked.documents];
  const change = { type: "set", name: "documents", value } as const;
  const amended = isWrapped && isPlain ? amendTop(top, [change], call.route.codec.layout!) : top;
  return editBody(amended, call.requestedModel, model, false).body;
}

function translated(call: Call, top: TopLevel, asked: Asked, form: Rerank, model: string): Uint8Array<ArrayBuffer> {
  const losses = new Losses(call);
  const body = form.encodeRequest!(asked, { model, lose: losses.lose });
  for (const { name } of top.fields) {
    if (COMMON.has(name)) continue;
    if (form.fields?.includes(name)) body[name] = top.value(name) as Json;
    else losses.lose(name, "its form of this call has no such field");
  }
  losses.settle(body, top);
  return encoder.encode(JSON.stringify(body)) as Uint8Array<ArrayBuffer>;
}

/** `http-api.md` section 13: the best first, no more than were wanted. */
function answerOf(call: Call, asked: Asked, answer: RerankAnswer): JsonObject {
  const { results, inputTokens, searchUnits } = answer;
  const { sent, topN = sent.length, returnsDocuments } = asked;
  if (results.some(({ index }) => !Number.isInteger(index) || index < 0 || index >= sent.length)) {
    throw new RelayError("upstream-malformed", "The upstream's answer names documents that were not sent.");
  }
  const best = results.toSorted((a, b) => b.score - a.score).slice(0, topN);
  const usage: JsonObject = {
    ...(inputTokens === undefined ? {} : { prompt_tokens: inputTokens, total_tokens: inputTokens }),
    ...(searchUnits === undefined ? {} : { search_units: searchUnits }),
  };
  return {
    id: answer.id ?? call.id,
    model: call.requestedModel,
    results: best.map(({ index, score }) => ({
      index,
      relevance_score: score,
      ...(returnsDocuments ? { document: documentOf(sent[index]!) } : {}),
    })),
    ...(Object.keys(usage).length === 0 ? {} : { usage }),
  };
}

function documentOf(sent: string | JsonObject): JsonObject {
  return typeof sent === "string" ? { text: sent } : sent;
}
