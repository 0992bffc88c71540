/** The SDK `@google/genai`: Gemini. */
import { ApiError, type Content, type GenerateContentParameters, type GoogleGenAI } from "@google/genai";
import { CITY, likelihoods, PIXEL, type Question, type SdkClient, WEATHER } from "./client.ts";

export function genai(client: GoogleGenAI): SdkClient {
  const turn = async (
    contents: Content[],
    { model, stream, hasTools, wantsObject, wantsThoughts, ...rest }: Question,
  ) => {
    const request: GenerateContentParameters = {
      model,
      contents,
      config: {
        ...(rest.system === undefined ? {} : { systemInstruction: rest.system }),
        ...(hasTools
          ? { tools: [{ functionDeclarations: [{ name: "weather", parametersJsonSchema: CITY }, { name: "now" }] }] }
          : {}),
        ...(wantsObject ? { responseMimeType: "application/json", responseJsonSchema: WEATHER } : {}),
        ...(wantsThoughts ? { thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 } } : {}),
        ...(rest.wantsLogprobs ? { responseLogprobs: true } : {}),
        ...(rest.signal === undefined ? {} : { abortSignal: rest.signal }),
      },
    };
    if (!stream) return [await client.models.generateContent(request)];
    const chunks = [];
    for await (const chunk of await client.models.generateContentStream(request)) {
      chunks.push(chunk);
      for (const { text, thought } of chunk.candidates?.[0]?.content?.parts ?? []) {
        if (text !== undefined && !thought) rest.onText?.(text);
      }
    }
    return chunks;
  };
  const partsOf = (chunks: Awaited<ReturnType<typeof turn>>) =>
    chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
  return {
    async ask(question) {
      const { text, hasPicture, results } = question;
      const image = { inlineData: { mimeType: "image/png", data: PIXEL } };
      const contents: Content[] = [{ role: "user", parts: hasPicture ? [{ text }, image] : [{ text }] }];
      let chunks = await turn(contents, question);
      if (results !== undefined) {
        const said = partsOf(chunks);
        const calls = said.flatMap(({ functionCall }) => (functionCall === undefined ? [] : [functionCall]));
        contents.push(
          { role: "model", parts: said },
          {
            role: "user",
            parts: calls.map(({ id, name }, index) => ({
              functionResponse: {
                ...(id === undefined ? {} : { id }),
                name: name!,
                response: { output: results[index] },
              },
            })),
          },
        );
        chunks = await turn(contents, question);
      }
      const parts = partsOf(chunks);
      const usage = chunks.findLast((chunk) => chunk.usageMetadata !== undefined)?.usageMetadata;
      if (chunks.at(-1)?.candidates?.[0]?.finishReason === undefined) throw new Error("no finish reason at the end");
      return {
        text: parts.map((part) => (part.thought ? "" : (part.text ?? ""))).join(""),
        calls: parts.flatMap(({ functionCall }) =>
          functionCall === undefined ? [] : [[functionCall.name ?? "", functionCall.args ?? {}] as const],
        ),
        thoughts: parts.map((part) => (part.thought ? (part.text ?? "") : "")).join(""),
        inputTokens: usage?.promptTokenCount,
        outputTokens: usage?.candidatesTokenCount,
        ...likelihoods(
          chunks
            .flatMap((chunk) => chunk.candidates?.[0]?.logprobsResult?.chosenCandidates ?? [])
            .map(({ token, logProbability }) => ({ token: token!, logprob: logProbability! })),
        ),
      };
    },
    statusOf: (error) => (error instanceof ApiError ? error.status : undefined),
    classOf: () => ApiError,
    isStreamFailure: (error) => error instanceof ApiError,
    isAbort: (error) => error instanceof Error && error.name === "AbortError",
  };
}
