/** xAI. API: https://docs.x.ai/docs/api-reference */
import { openaiChat, openaiCompatible, openaiResponses } from "monorelay/plugin";

export default openaiCompatible({
  id: "xai",
  baseUrl: "https://api.x.ai/v1",
  codecs: [openaiChat, openaiResponses],
});
