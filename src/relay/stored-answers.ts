/** Answers that an upstream keeps: whose they are is noted, and what continues one goes where it lies. */
import type { Resolution } from "../routing/resolve.ts";
import type { Call } from "./call.ts";
import { isOwn, ownerOf, type Place, unknownObject, whereIs } from "./object-places.ts";
import { isObjectId } from "./object-ids.ts";
import type { TopLevel } from "./scan.ts";

const KIND = "response";
const FALSE = 0x66;
const TRUE = 0x74;
const NULL = 0x6e;
/** The id stands at the beginning of an answer, and of the first event of a stream. */
const ID = /"id"\s*:\s*"([A-Za-z0-9_-]{1,256})"/;
const ID_WITHIN_BYTES = 4096;

/** Does the upstream keep what it answers to this? It does unless told otherwise. */
export function isKept(call: Call, top: TopLevel): boolean {
  return call.route.codec.keepsAnswers === true && top.kind("store") !== FALSE;
}

/** Does the upstream answer to this before it has done it? */
export function runsInBackground(call: Call, top: TopLevel): boolean {
  return call.route.codec.keepsAnswers === true && top.kind("background") === TRUE;
}

/** `head`: the beginning of the answer. Resolves when the note is on disk; never rejects. */
export async function noteKept(call: Call, place: Place, head: Uint8Array): Promise<void> {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, ID_WITHIN_BYTES)).toString("latin1");
  const id = ID.exec(text)?.[1];
  if (id === undefined) return;
  try {
    await call.services.objects.add([{ id, kind: KIND, ...ownerOf(call, place) }]);
  } catch (error) {
    // The answer itself is good; only its id will not be known later.
    call.services.log.error("the owner of a stored answer could not be noted", { req: call.id, error });
  }
}

/** What lies with the vendor and this call goes on from: an answer, a conversation, a cached prompt. */
export interface Continued {
  readonly id: string;
  /** The field that names it. */
  readonly param: string;
}

export function continuedIn(call: Call, top: TopLevel): Continued | undefined {
  const { goesOnFrom } = call.route.codec;
  const param = goesOnFrom?.find((field) => top.find(field) !== undefined && top.kind(field) !== NULL);
  if (param === undefined) return undefined;
  const value = top.value(param) as string | { readonly id?: unknown } | null;
  const id = typeof value === "object" ? value?.id : value;
  return isObjectId(id) ? { id, param } : undefined;
}

/**
 * Where that lies. `undefined`: nobody here has seen it, so its upstream may judge. Throws 404 for another's, and for one
 * that lies where this model is not served.
 */
export async function continuedPlace(
  call: Call,
  { id, param }: Continued,
  resolution: Resolution,
): Promise<Place | undefined> {
  const object = await call.services.objects.find(id);
  if (object === undefined) return undefined;
  if (!isOwn(object, call.identity)) throw unknownObject(param);
  const place = whereIs(call, object, param);
  if (!resolution.targets.some(({ entry }) => entry === place.entry)) throw unknownObject(param);
  return place;
}
