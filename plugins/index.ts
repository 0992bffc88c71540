/** The whole list of built-in plugins, alphabetical within their kind. */
import accessKey from "./auth/access-key.ts";
import apiKey from "./auth/api-key.ts";
import github from "./auth/github.ts";
import google from "./auth/google.ts";
import jwt from "./auth/jwt.ts";
import oidc from "./auth/oidc.ts";
import prismaauth from "./auth/prismaauth.ts";
import anthropic from "./provider/anthropic.ts";
import azure from "./provider/azure.ts";
import bedrock from "./provider/bedrock.ts";
import cerebras from "./provider/cerebras.ts";
import cohere from "./provider/cohere.ts";
import deepseek from "./provider/deepseek.ts";
import echo from "./provider/echo.ts";
import fireworks from "./provider/fireworks.ts";
import gemini from "./provider/gemini.ts";
import groq from "./provider/groq.ts";
import jina from "./provider/jina.ts";
import llamaCpp from "./provider/llama-cpp.ts";
import lmStudio from "./provider/lm-studio.ts";
import mistral from "./provider/mistral.ts";
import moonshot from "./provider/moonshot.ts";
import nvidia from "./provider/nvidia.ts";
import ollama from "./provider/ollama.ts";
import ollamaOpenai from "./provider/ollama-openai.ts";
import openai from "./provider/openai.ts";
import openrouter from "./provider/openrouter.ts";
import perplexity from "./provider/perplexity.ts";
import tei from "./provider/tei.ts";
import together from "./provider/together.ts";
import vertex from "./provider/vertex.ts";
import vllm from "./provider/vllm.ts";
import voyage from "./provider/voyage.ts";
import xai from "./provider/xai.ts";
import zai from "./provider/zai.ts";

export const builtinAuth = [accessKey, apiKey, github, google, jwt, oidc, prismaauth] as const;

export const builtinProviders = [
  anthropic,
  azure,
  bedrock,
  cerebras,
  cohere,
  deepseek,
  echo,
  fireworks,
  gemini,
  groq,
  jina,
  llamaCpp,
  lmStudio,
  mistral,
  moonshot,
  nvidia,
  ollama,
  ollamaOpenai,
  openai,
  openrouter,
  perplexity,
  tei,
  together,
  vertex,
  vllm,
  voyage,
  xai,
  zai,
] as const;
