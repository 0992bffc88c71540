/** Counts what an upstream does not tell: one figure, for the client and for the record. */
import type { ChatEvent, ChatResponse, Operation, Part, Usage } from "../plugin/index.ts";
import type { Call } from "./call.ts";
import { noteUnsaid } from "./unsaid.ts";

/** Of requests and of what was said. */
const PER_TOKEN = 4;
/** Of a stream, most bytes are its envelope: an event for each token has some 200, a chunk of many much less for each. */
const STREAM_BYTES_PER_TOKEN = 40;
/** What is larger and has not been looked into holds media rather than words. */
const INPUT_TOKENS_MAX = 128_000;

/** Those that write an answer; the bytes of others say nothing about tokens. */
const ANSWERING: ReadonlySet<Operation> = new Set<Operation>(["chat", "completions"]);

export function isAnswering({ route }: Call): boolean {
  return ANSWERING.has(route.operation);
}

/** What a stream of events says about the call, whoever it is written for; the event, with counts that are complete. */
export function noteEvent(call: Call, event: ChatEvent): ChatEvent {
  switch (event.type) {
    case "response-start":
      call.usage = event.usage;
      call.seenChars = 0;
      return event;
    case "part-start":
      noteUnsaid(call, event.head);
      return event;
    case "part-delta":
      call.seenChars += event.delta.length;
      return event;
    case "response-end": {
      for (const { parts } of event.others ?? []) {
        for (const part of parts) {
          call.seenChars += charsOf(part);
          noteUnsaid(call, part);
        }
      }
      const usage = completed(call, { ...call.usage, ...event.usage });
      call.finish = event.finish;
      return usage === event.usage ? event : { ...event, usage };
    }
    default:
      return event;
  }
}

/** The same of an answer that is there as a whole. */
export function noteResponse(call: Call, response: ChatResponse): ChatResponse {
  const parts = [response, ...(response.others ?? [])].flatMap((answer) => answer.parts);
  call.seenChars = parts.reduce((sum, part) => sum + charsOf(part), 0);
  for (const part of parts) noteUnsaid(call, part);
  call.finish = response.finish;
  return { ...response, usage: completed(call, response.usage) };
}

function charsOf(part: Part): number {
  if (part.type === "tool-call") return part.inputJson.length;
  return part.type === "text" || part.type === "refusal" || part.type === "reasoning" ? part.text.length : 0;
}

function completed(call: Call, told: Usage): Usage {
  const isTold = told.inputTokens !== undefined && told.outputTokens !== undefined;
  call.usage = isTold ? told : withGuesses(call, told);
  call.isUsageEstimated = !isTold;
  return call.usage;
}

function withGuesses(call: Call, told: Usage | undefined): Usage {
  return {
    ...told,
    inputTokens: told?.inputTokens ?? inputGuess(call),
    outputTokens: told?.outputTokens ?? outputGuess(call),
  };
}

/**
 * What the call has used when it is over, for those that write an answer: as told, else guessed. Some tell a first count
 * at the beginning of a stream; when it was cut, more has been written since.
 */
export function finalUsage(call: Call, isCut: boolean): Usage {
  const { usage } = call;
  const isTold = usage?.inputTokens !== undefined && usage.outputTokens !== undefined;
  if (isTold && !isCut && !isUnderWay(call)) return usage;
  if (call.runsOn) return usageToCome(call);
  const filled = withGuesses(call, usage);
  const outputTokens = isCut ? Math.max(filled.outputTokens ?? 0, outputGuess(call)) : (filled.outputTokens ?? 0);
  call.isUsageEstimated ||= !isTold || outputTokens !== usage.outputTokens;
  return { ...filled, outputTokens };
}

/** Some write zeros where others write nothing. */
function isUnderWay({ runsOn, usage }: Call): boolean {
  return runsOn && (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0) === 0;
}

/** Of what goes on in the background all that was reserved: it is fetched later, and not counted again then. */
function usageToCome(call: Call): Usage {
  const { size, snapshot } = call;
  call.isUsageEstimated = true;
  const outputTokens = size?.outputTokens ?? snapshot.config.limits.reserveOutputTokens;
  return { inputTokens: inputGuess(call), outputTokens };
}

export function inputGuess({ size, inputEstimate, bytesIn }: Call): number {
  const looked = size?.inputTokens ?? inputEstimate;
  return looked > 0 ? looked : Math.min(Math.max(1, Math.ceil(bytesIn / PER_TOKEN)), INPUT_TOKENS_MAX);
}

function outputGuess(call: Call): number {
  const { size, seenChars, bytesOut, streaming } = call;
  if (call.firstByteMs === 0 && seenChars === 0) return 0;
  if (seenChars > 0) return Math.ceil(seenChars / PER_TOKEN);
  const guess = Math.ceil(bytesOut / (streaming ? STREAM_BYTES_PER_TOKEN : PER_TOKEN));
  return size !== undefined && size.outputTokens > 0 ? Math.min(guess, size.outputTokens) : guess;
}
