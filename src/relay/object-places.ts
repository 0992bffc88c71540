/** Where an upstream object lies, and whether the caller may know of it. */
import { type Identity, RelayError } from "../plugin/index.ts";
import type { ProviderEntry } from "../routing/entry.ts";
import { isKey, type PoolKey } from "../routing/key-pool.ts";
import type { Target } from "../routing/resolve.ts";
import type { ObjectOwner, UpstreamObject } from "../store/types.ts";
import { settle } from "./attempt.ts";
import type { Call } from "./call.ts";

export interface Place {
  readonly entry: ProviderEntry;
  readonly key: PoolKey;
}

/**
 * Throws 404 for what is unknown and for what belongs to others: the answer does not tell which.
 * @param kind what is asked for; another's kind of thing is none. `undefined`: whatever it is
 * @param param the field that names it; absent for a path
 */
export async function placeOf(call: Call, id: string, kind: string | undefined, param?: string): Promise<Place> {
  const { stateful } = call.snapshot.config.modelRouting;
  const { identity } = call;
  const object = await call.services.objects.find(id);
  if (object === undefined) {
    const isAdmin = identity.role === "admin" || identity.role === "super-admin";
    const [target] = defaultTargets(call).filter(({ entry }) => serves(call, entry));
    const key = target?.entry.keys.pick(undefined);
    if (stateful.unknownIds === "forward" && isAdmin && target !== undefined && key !== undefined && isKey(key)) {
      return { entry: target.entry, key };
    }
    throw unknownObject(param);
  }
  if (!isOwn(object, identity) || (kind !== undefined && object.kind !== kind)) throw unknownObject(param);
  return whereIs(call, object, param);
}

/**
 * Whose objects a caller knows: its own, by whichever credential they were made; those of the whole organisation only
 * where it is an owner or admin of that. Everybody who registers is in the default organisation, so being a member says
 * nothing of what others there want to share.
 */
export function ownedBy({ orgId, orgRole, userId, id }: Identity): ObjectOwner {
  if (orgRole === "owner" || orgRole === "admin") return { orgId };
  return userId === null ? { orgId, principal: id } : { orgId, userId };
}

export function isOwn(object: UpstreamObject, identity: Identity): boolean {
  const { orgId, userId, principal } = ownedBy(identity);
  if (object.orgId !== orgId) return false;
  if (userId !== undefined) return object.userId === userId;
  return principal === undefined || object.principal === principal;
}

/** The place of an object that is the caller's. Its key may be gone: then another of the same provider has to do. */
export function whereIs(call: Call, { provider, keyId }: UpstreamObject, param?: string): Place {
  const entry = call.snapshot.providers.find(({ name }) => name === provider)?.entry;
  if (entry === undefined) {
    throw new RelayError("unavailable", "The provider that keeps this object is not enabled.", {
      wireCode: "provider_disabled",
    });
  }
  if (call.identity.providers !== undefined && !call.identity.providers.includes(provider)) throw unknownObject(param);
  const key = entry.keys.keys.find(({ id }) => id === keyId) ?? entry.keys.pick(undefined);
  if (!isKey(key)) {
    throw new RelayError("unavailable", "The provider that keeps this object has no usable key.", {
      wireCode: "no_keys",
    });
  }
  return { entry, key };
}

export function unknownObject(param: string | undefined): RelayError {
  return new RelayError("not-found", "There is no such object.", {
    wireCode: "not_found",
    ...(param === undefined ? {} : { param }),
  });
}

/** `model_routing.stateful.provider`, else the first enabled one that offers it. */
export function defaultTargets(call: Call): Target[] {
  const { provider } = call.snapshot.config.modelRouting.stateful;
  return call.snapshot.providers.flatMap(({ entry }) => {
    if (entry === undefined || (provider !== null && entry.name !== provider)) return [];
    if (call.identity.providers !== undefined && !call.identity.providers.includes(entry.name)) return [];
    return [{ entry, model: "" }];
  });
}

export function serves({ route }: Call, { provider, codecs }: ProviderEntry): boolean {
  if (provider.respond !== undefined || provider.operations?.has(route.operation) !== true) return false;
  const { id: asked, keepsAnswers } = route.codec;
  // The routes of one vendor's objects belong to one address, whichever of its dialects asks; but what answers are kept
  // in is only where answers are.
  const family = keepsAnswers === true ? asked : asked.split("-", 1)[0]!;
  return (provider.rawCodecs ?? codecs).some(({ id }) => id.startsWith(family));
}

export function ownerOf(call: Call, { entry, key }: Place): Omit<UpstreamObject, "id" | "kind"> {
  const { orgId, userId, id: principal } = call.identity;
  return { provider: entry.name, keyId: key.id, orgId, userId, principal };
}

/** One try with the key that the object lies under: there is nobody else to ask. */
export async function atPlace<T>(call: Call, { entry, key }: Place, model: string, run: () => Promise<T>): Promise<T> {
  call.key = key;
  call.model = model;
  key.state.requests += 1;
  key.state.inFlight += 1;
  try {
    return await run();
  } catch (cause) {
    const error = call.blame(RelayError.from(cause));
    settle(call, { entry, model }, key, error);
    throw error;
  } finally {
    key.state.inFlight -= 1;
  }
}
