/** Cerebras. API: https://inference-docs.cerebras.ai/api-reference */
import { openaiChat, openaiCompatible } from "monorelay/plugin";

export default openaiCompatible({ id: "cerebras", baseUrl: "https://api.cerebras.ai/v1", codecs: [openaiChat] });
