/** Signature Version 4, as AWS asks of every request. */
import { AwsV4Signer } from "aws4fetch";
import { RelayError } from "../contract/errors.ts";

/** One pair of keys; `sessionToken` belongs to those that were lent for a while. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface AwsRequest {
  readonly url: string;
  /** Default `POST`. */
  readonly method?: string;
  /** What will be sent, byte for byte; a stream cannot be signed. */
  readonly body: string | Uint8Array<ArrayBuffer> | null;
  /** e.g. `bedrock`. */
  readonly service: string;
  /** e.g. `us-east-1`. */
  readonly region: string;
  readonly credentials: AwsCredentials;
  /** ms since epoch; the signature is good for about five minutes around it. */
  readonly now: number;
}

/** Keys derived for a day, a region and a service; forgotten with the credentials they were derived from. */
const derived = new WeakMap<AwsCredentials, Map<string, ArrayBuffer>>();
const DERIVED_MAX = 16;

/**
 * The headers that make a request AWS's own: `authorization`, `x-amz-date`, and `x-amz-security-token` for lent keys.
 * Only these, the host and the body are signed, so that other headers may still be added.
 *
 * @example
 * const signed = await signAws({ url, body, service: "bedrock", region: "eu-central-1", credentials, now: host.now() });
 * const headers = { "content-type": "application/json", ...signed };
 *
 * @throws RelayError `internal` when the credentials are no text
 */
export async function signAws(request: AwsRequest): Promise<Record<string, string>> {
  const { url, method = "POST", body, service, region, credentials, now } = request;
  let cache = derived.get(credentials);
  if (cache === undefined || cache.size > DERIVED_MAX) {
    cache = new Map();
    derived.set(credentials, cache);
  }
  const signer = new AwsV4Signer({
    url,
    method,
    service,
    region,
    cache,
    ...credentials,
    ...(body === null ? {} : { body }),
    datetime: new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, ""),
  });
  try {
    const { headers } = await signer.sign();
    return Object.fromEntries(headers);
  } catch (cause) {
    throw new RelayError("internal", "The request could not be signed.", { cause });
  }
}
