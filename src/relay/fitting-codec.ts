/** Which dialect an upstream that speaks several is asked in, where none of them is the client's. */
import type { ChatRequest, Codec, HostedWork, Tool, Traits } from "../plugin/index.ts";

/** The one in which most of the vendor's own tools can be asked for that the request wants; of equals the first. */
export function fittingCodec(codecs: readonly [Codec, ...Codec[]], { tools }: ChatRequest, traits: Traits): Codec {
  const wanted = new Set(tools.map(kindOf));
  const countIn = (codec: Codec): number => offeredIn(codec, traits).filter((kind) => wanted.has(kind)).length;
  return codecs.reduce((best, codec) => (countIn(codec) > countIn(best) ? codec : best), codecs[0]);
}

function kindOf({ webSearch, runsCode, mcp }: Tool): HostedWork["kind"] | undefined {
  if (webSearch !== undefined) return "web-search";
  if (runsCode) return "code";
  return mcp === undefined ? undefined : "mcp";
}

/** A model that searches by itself in chat is seldom served in another dialect. */
function offeredIn({ egress }: Codec, { webSearch }: Traits): readonly HostedWork["kind"][] {
  return egress?.hosted ?? (webSearch ? ["web-search"] : []);
}
