/** Judges the `Host` of a request before anything else looks at it. */

const LABEL = "[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?";
const HOST = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*\\.?|\\[[0-9a-f:.]+\\])(?::[0-9]{1,5})?$`, "i");
const IP_LITERAL = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/i;
const LOOPBACK = /^(?:localhost|.+\.localhost)\.?$/i;
const HOST_LENGTH_MAX = 255;

export type HostVerdict = "served" | "malformed" | "not-served";

/** Makes the check for one configuration; verdicts on hosts seen before are remembered. */
export function createHostCheck(
  allowedHosts: readonly string[],
  publicHost: string | null,
): (host: string | null) => HostVerdict {
  const allowed = new Set(allowedHosts.map((host) => host.toLowerCase()));
  if (publicHost !== null) allowed.add(nameOf(publicHost));
  const remembered = new Map<string, HostVerdict>();

  const judge = (host: string): HostVerdict => {
    if (host.length > HOST_LENGTH_MAX || !HOST.test(host)) return "malformed";
    if (allowedHosts.length === 0) return "served";
    const name = host.toLowerCase().replace(/:[0-9]+$/, "");
    const isServed =
      allowed.has(host.toLowerCase()) || allowed.has(name) || IP_LITERAL.test(name) || LOOPBACK.test(name);
    return isServed ? "served" : "not-served";
  };
  return (host) => {
    // HTTP/1.0 clients may leave it out.
    if (host === null) return "served";
    const known = remembered.get(host);
    if (known !== undefined) return known;
    const verdict = judge(host);
    if (remembered.size >= 256) remembered.clear();
    remembered.set(host, verdict);
    return verdict;
  };
}

/** `public_host` may be a URL or a bare host. */
function nameOf(publicHost: string): string {
  const bare = publicHost.replace(/^https?:\/\//i, "").replace(/\/.*$/, "");
  return bare.toLowerCase().replace(/:[0-9]+$/, "");
}
