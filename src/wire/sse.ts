/** Server-sent events: frames to bytes, bytes to frames, and where in some bytes the last whole event ends. */
import type { Frame, Framing } from "../contract/codec.ts";
import { RelayError } from "../contract/errors.ts";

/** Most characters one event may hold before its blank line arrives; more is an upstream gone wrong. */
export const SSE_FRAME_CHARS_MAX = 4 * 1024 * 1024;

const LF = 10;
const CR = 13;

const encoder = new TextEncoder();

/**
 * Reads a stream by the WHATWG rules: CR, LF or CRLF line ends in any mixture, comments, one optional space, several
 * `data` lines joined by LF, a leading BOM, characters cut in half by a chunk end. Unlike a browser it also gives out
 * the last event when the stream ends without a blank line, because some servers leave it out.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
function createDecoder(): (bytes: Uint8Array | null) => Frame[] {
  const utf8 = new TextDecoder();
  let event: string | undefined;
  let data: string | undefined;
  let frameChars = 0;
  // The unfinished line, in pieces: joining only once keeps a long line that drips in linear.
  let pieces: string[] = [];
  let piecesChars = 0;
  let skipLineFeed = false;

  const guard = (chars: number): void => {
    if (chars > SSE_FRAME_CHARS_MAX) {
      throw new RelayError("upstream-malformed", "The upstream sent an event larger than 4 MiB.");
    }
  };

  const dispatch = (frames: Frame[]): void => {
    if (data !== undefined) frames.push(event === undefined ? { data } : { event, data });
    event = undefined;
    data = undefined;
    frameChars = 0;
  };

  const takeLine = (line: string, frames: Frame[]): void => {
    if (line.length === 0) {
      dispatch(frames);
      return;
    }
    frameChars += line.length;
    guard(frameChars);
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment
    const field = colon < 0 ? line : line.slice(0, colon);
    if (field === "data") {
      const value = colon < 0 ? "" : line.slice(line.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1);
      data = data === undefined ? value : `${data}\n${value}`;
    } else if (field === "event") {
      event = colon < 0 ? "" : line.slice(line.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1);
      if (event === "") event = undefined;
    }
  };

  const endLine = (tail: string, frames: Frame[]): void => {
    if (pieces.length === 0) {
      takeLine(tail, frames);
      return;
    }
    pieces.push(tail);
    const line = pieces.join("");
    pieces = [];
    piecesChars = 0;
    takeLine(line, frames);
  };

  const takeText = (text: string, frames: Frame[]): void => {
    let start = 0;
    if (skipLineFeed && text.length > 0) {
      skipLineFeed = false;
      if (text.charCodeAt(0) === LF) start = 1;
    }
    let lineFeed = text.indexOf("\n", start);
    let carriageReturn = text.indexOf("\r", start);
    while (lineFeed >= 0 || carriageReturn >= 0) {
      if (carriageReturn < 0 || (lineFeed >= 0 && lineFeed < carriageReturn)) {
        endLine(text.slice(start, lineFeed), frames);
        start = lineFeed + 1;
      } else {
        endLine(text.slice(start, carriageReturn), frames);
        start = carriageReturn + 1;
        if (lineFeed === start) start += 1;
        else if (start === text.length) skipLineFeed = true;
        carriageReturn = text.indexOf("\r", start);
      }
      if (lineFeed >= 0 && lineFeed < start) lineFeed = text.indexOf("\n", start);
    }
    if (start < text.length) {
      pieces.push(start === 0 ? text : text.slice(start));
      piecesChars += text.length - start;
      guard(frameChars + piecesChars);
    }
  };

  return (bytes) => {
    const frames: Frame[] = [];
    if (bytes !== null) {
      takeText(utf8.decode(bytes, { stream: true }), frames);
      return frames;
    }
    takeText(utf8.decode(), frames);
    if (pieces.length > 0) endLine("", frames);
    dispatch(frames);
    return frames;
  };
}

const LINE_END = /\r\n|\n|\r/;

function encodeText(frames: readonly Frame[]): string {
  let text = "";
  for (const { event, data, comment } of frames) {
    if (comment !== undefined) {
      for (const line of comment.split(LINE_END)) text += `: ${line}\n`;
      if (data === "" && event === undefined) {
        text += "\n";
        continue;
      }
    }
    if (event !== undefined) {
      if (event.includes("\n") || event.includes("\r")) {
        throw new RelayError("internal", "An event name must be one line.");
      }
      text += `event: ${event}\n`;
    }
    if (data.includes("\n") || data.includes("\r")) {
      for (const line of data.split(LINE_END)) text += `data: ${line}\n`;
      text += "\n";
    } else {
      text += `data: ${data}\n\n`;
    }
  }
  return text;
}

export const sse: Framing = {
  id: "sse",
  contentType: "text/event-stream; charset=utf-8",
  decoder: createDecoder,
  encode: (frames) => encoder.encode(encodeText(frames)),
};

/**
 * Index just behind the last blank line of `bytes`, looking no further back than `from`; -1 if there is none.
 * Bytes before that index are whole events; the caller keeps the rest and puts it before the next chunk.
 */
export function lastFrameBoundary(bytes: Uint8Array, from = 0): number {
  const { length } = bytes;
  if (length - from >= 2 && bytes[length - 1] === LF && bytes[length - 2] === LF) return length;
  for (let end = length; end > from; end -= 1) {
    const last = bytes[end - 1];
    if (last !== LF && last !== CR) continue;
    const lineEnd = last === LF && bytes[end - 2] === CR ? 2 : 1;
    const before = bytes[end - lineEnd - 1];
    if (before === LF || before === CR) return end;
  }
  return -1;
}
