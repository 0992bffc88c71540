/** Whether bytes are text. */
import { isAscii, isUtf8 } from "node:buffer";

/** UTF-8; most bodies are plain ASCII, which shows in half the time. */
export function isText(bytes: Uint8Array): boolean {
  return isAscii(bytes) || isUtf8(bytes);
}
