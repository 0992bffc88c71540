/** A certificate authority of a test's own, and what it signs: written out in DER, so that no tool has to be there. */
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

export interface Authority {
  /** PEM; what a client has to trust. */
  readonly ca: string;
  /** For a server with these names; those that are IPv4 addresses become addresses. */
  issue(...names: readonly string[]): Certificate;
}

const bytesOf = (...parts: readonly (Uint8Array | number)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.from([part]) : part)));

/** A value with its tag and length, X.690 section 8. */
function der(tag: number, ...content: readonly (Uint8Array | number)[]): Buffer {
  const body = bytesOf(...content);
  if (body.length < 128) return bytesOf(tag, body.length, body);
  if (body.length < 256) return bytesOf(tag, 0x81, body.length, body);
  return bytesOf(tag, 0x82, body.length >> 8, body.length & 255, body);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const bits = (bytes: Uint8Array): Buffer => der(0x03, 0, bytes);
const text = (value: string): Buffer => der(0x0c, Buffer.from(value));
const time = (at: Date): Buffer =>
  der(
    0x17,
    Buffer.from(
      `${at
        .toISOString()
        .replace(/[-:T]|\.\d+/g, "")
        .slice(2)}`,
    ),
  );

/** Object identifiers, encoded. */
const OID = {
  commonName: "0603550403",
  ecdsaWithSha256: "06082a8648ce3d040302",
  basicConstraints: "0603551d13",
  keyUsage: "0603551d0f",
  alternativeNames: "0603551d11",
} as const;
const oid = (name: keyof typeof OID): Buffer => Buffer.from(OID[name], "hex");

const TRUE = der(0x01, 0xff);
const nameOf = (common: string): Buffer => sequence(der(0x31, sequence(oid("commonName"), text(common))));
const extension = (name: keyof typeof OID, isCritical: boolean, value: Buffer): Buffer =>
  sequence(oid(name), ...(isCritical ? [TRUE] : []), der(0x04, value));

const pem = (label: string, bytes: Buffer): string =>
  `-----BEGIN ${label}-----\n${bytes.toString("base64").replace(/.{64}/g, "$&\n").trimEnd()}\n-----END ${label}-----\n`;

interface Wish {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly extensions: readonly Buffer[];
}

function certify({ subject, issuer, publicKey, signer, extensions }: Wish): string {
  const algorithm = sequence(oid("ecdsaWithSha256"));
  const day = 86_400_000;
  const toBeSigned = sequence(
    der(0xa0, der(0x02, 2)),
    der(0x02, 1, randomBytes(8)),
    algorithm,
    nameOf(issuer),
    sequence(time(new Date(Date.now() - day)), time(new Date(Date.now() + day))),
    nameOf(subject),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  return pem("CERTIFICATE", sequence(toBeSigned, algorithm, bits(sign("sha256", toBeSigned, signer))));
}

const newKey = (): KeyObject => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

export function createAuthority(): Authority {
  const signer = newKey();
  const issuer = "test authority";
  const ca = certify({
    subject: issuer,
    issuer,
    signer,
    publicKey: createPublicKey(signer),
    extensions: [
      extension("basicConstraints", true, sequence(TRUE)),
      extension("keyUsage", true, der(0x03, 1, 0b0000_0110)),
    ],
  });
  return {
    ca,
    issue(...names) {
      const key = newKey();
      const entries = names.map((name) =>
        /^\d+\.\d+\.\d+\.\d+$/.test(name)
          ? der(0x87, Buffer.from(name.split(".").map(Number)))
          : der(0x82, Buffer.from(name)),
      );
      const cert = certify({
        subject: "test server",
        issuer,
        signer,
        publicKey: createPublicKey(key),
        extensions: [extension("alternativeNames", false, sequence(...entries))],
      });
      return { cert, key: key.export({ type: "pkcs8", format: "pem" }) as string };
    },
  };
}
