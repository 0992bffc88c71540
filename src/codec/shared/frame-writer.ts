/** What the stream encoders of the dialects have in common: an event in, the frames it becomes out. */
import type { ChatEvent } from "../../contract/chat.ts";
import type { Frame, StreamEncoder } from "../../contract/codec.ts";

export type EventOf<Type extends ChatEvent["type"]> = Extract<ChatEvent, { type: Type }>;

export interface FrameWriter {
  /** Written for the present event. */
  frames: Frame[];
  event(event: ChatEvent): void;
}

export function encoderOf(writer: FrameWriter): StreamEncoder {
  return (event) => {
    writer.frames = [];
    writer.event(event);
    return writer.frames;
  };
}
