/** What a key may call: names and providers written on it, held against the name asked for and all it leads to. */
import { type Identity, RelayError } from "../plugin/index.ts";
import type { Resolution, Router, Target } from "../routing/resolve.ts";
import { compileGlob } from "../support/glob.ts";

interface Reach {
  isModel(name: string): boolean;
  isTarget(target: Target): boolean;
}

/** Identities are remembered by the auth chain for up to a second; what is made of them lasts as long. */
const known = new WeakMap<Identity, Reach>();

/** Whether anything is written on the credential at all: most say nothing of models and providers. */
export function isBounded({ models, providers }: Identity): boolean {
  return models !== undefined || providers !== undefined;
}

/**
 * Throws `model-not-found`, or `forbidden` (`model_not_allowed`): also for a name that does not exist, so that a key
 * tells nobody what there is beyond it.
 */
export function resolveFor(router: Router, identity: Identity, requested: string): Resolution {
  if (!isBounded(identity)) return router.resolve(requested);
  const reach = reachOf(identity);
  // `model@provider` is the model, at a place of the caller's choosing; the place is judged as a target.
  const suffix = requested.lastIndexOf("@");
  const isAsked = reach.isModel(requested) || (suffix > 0 && reach.isModel(requested.slice(0, suffix)));
  if (!isAsked) throw notAllowed();
  const resolution = resolveQuietly(router, requested);
  const targets = resolution.targets.filter(reach.isTarget);
  if (targets.length === 0) throw notAllowed();
  return { ...resolution, targets };
}

/** Of these, what the caller may call. */
export function reachable(identity: Identity, targets: readonly Target[]): readonly Target[] {
  return isBounded(identity) ? targets.filter(reachOf(identity).isTarget) : targets;
}

/** For lists: whether the caller may ask for this name, and reaches somebody who serves it. */
export function isReachable(router: Router, identity: Identity, name: string): boolean {
  try {
    resolveFor(router, identity, name);
    return true;
  } catch (error) {
    if (RelayError.is(error)) return false;
    throw error;
  }
}

function reachOf(identity: Identity): Reach {
  let reach = known.get(identity);
  if (reach === undefined) {
    reach = makeReach(identity);
    known.set(identity, reach);
  }
  return reach;
}

function makeReach({ models, providers }: Identity): Reach {
  const allow = (models?.allow ?? []).map(compileGlob);
  const deny = (models?.deny ?? []).map(compileGlob);
  const names = providers === undefined ? undefined : new Set(providers);
  const isModel = (name: string): boolean => {
    // Upstreams may be more generous with spelling than a list of forbidden names.
    const plain = name.normalize("NFKC").trim();
    if (deny.some((matches) => matches(name) || matches(plain))) return false;
    return allow.length === 0 || allow.some((matches) => matches(name));
  };
  return { isModel, isTarget: ({ entry, model }) => isModel(model) && (names === undefined || names.has(entry.name)) };
}

/** Without the hint at a similar name, which may be one that this caller shall not know. */
function resolveQuietly(router: Router, requested: string): Resolution {
  try {
    return router.resolve(requested);
  } catch (error) {
    if (!RelayError.is(error) || error.code !== "model-not-found") throw error;
    throw new RelayError("model-not-found", "This model is not available.", {
      wireCode: "model_not_found",
      param: "model",
    });
  }
}

function notAllowed(): RelayError {
  return new RelayError("forbidden", "This credential may not call this model.", {
    wireCode: "model_not_allowed",
    param: "model",
  });
}
