/** Answers that an upstream keeps: whose they are is noted, and what continues one goes where it lies. */
import { RelayError } from "../plugin/index.ts";
import type { Resolution } from "../routing/resolve.ts";
import type { Call } from "./call.ts";
import { isOwn, ownerOf, type Place, unknownObject, whereIs } from "./object-places.ts";
import { mayRefer, type Reference, referencesIn } from "./references.ts";
import type { TopLevel } from "./scan.ts";

const KIND = "response";
const FALSE = 0x66;
const TRUE = 0x74;
const NULL = 0x6e;
/** The id stands at the beginning of an answer, and of the first event of a stream. */
const ID = /"id"\s*:\s*"([A-Za-z0-9_-]{1,256})"/;
const ID_WITHIN_BYTES = 4096;
/** Ids of whichever server, and names with the project they lie in. */
const CONTINUABLE = /^[\x21-\x7e]{1,512}$/;

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

/** What lies with the vendor and this call goes on from (an answer, a conversation, a cached prompt), or names. */
export interface Continued {
  /** `undefined`: it only names things. */
  readonly from: Reference | undefined;
  readonly names: readonly Reference[];
}

/** Throws 400 where one call is to go on from two things, or from none that has a name. */
export function continuedIn(call: Call, top: TopLevel): Continued | undefined {
  const from = goesOnFrom(call, top);
  const names = namedIn(call, top);
  return from === undefined && names.length === 0 ? undefined : { from, names };
}

function goesOnFrom({ route }: Call, top: TopLevel): Reference | undefined {
  let from: Reference | undefined;
  for (const param of route.codec.goesOnFrom ?? []) {
    const kind = top.kind(param);
    if (kind === 0 || kind === NULL) continue;
    if (from !== undefined) {
      throw new RelayError("bad-request", `A call can go on from "${from.param}" or from "${param}", not from both.`, {
        param,
      });
    }
    const value = top.value(param) as string | { readonly id?: unknown } | null;
    const id = typeof value === "object" ? value?.id : value;
    if (typeof id !== "string" || !CONTINUABLE.test(id)) {
      throw new RelayError("bad-request", `The field "${param}" names nothing to go on from.`, { param });
    }
    from = { id, param, isTold: false };
  }
  return from;
}

const NONE: readonly Reference[] = [];

/** What a body names, where anything is known that it could name. */
export function namedIn({ services }: Call, { bytes }: TopLevel): readonly Reference[] {
  return services.objects.isEmpty || !mayRefer(bytes) ? NONE : referencesIn(bytes);
}

/**
 * Where that lies. `undefined`: nobody here has seen it, so its upstream may judge. Throws 404 for another's, and for one
 * that lies where this model is not served.
 */
export async function continuedPlace(
  call: Call,
  { from, names }: Continued,
  resolution: Resolution,
): Promise<Place | undefined> {
  const named = await namedPlace(call, from === undefined ? names : [from, ...names]);
  if (named === undefined) return undefined;
  if (!resolution.targets.some(({ entry }) => entry === named.place.entry)) throw unknownObject(named.param);
  return named.place;
}

/**
 * Where the first of the caller's own among them lies; whether the others lie there too is for the upstream to say.
 * Throws 404 when one of them is another's. Those that nobody here has seen are for the upstream, too.
 */
export async function namedPlace(
  call: Call,
  names: readonly Reference[],
): Promise<{ readonly place: Place; readonly param: string } | undefined> {
  if (names.length === 0) return undefined;
  const { objects } = call.services;
  const known = new Map((await objects.findAll(names.map(({ id }) => id))).map((object) => [object.id, object]));
  for (const { id, param } of names) {
    const object = known.get(id);
    if (object !== undefined && !isOwn(object, call.identity)) throw unknownObject(param);
  }
  const own = names.find(({ id, isTold }) => !isTold && known.has(id));
  return own === undefined ? undefined : { place: whereIs(call, known.get(own.id)!, own.param), param: own.param };
}
