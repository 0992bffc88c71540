"""The official Python SDKs behind one face: questions come as lines of JSON, each is answered by one line when it is."""
import asyncio
import base64
import json
import os
import struct
import sys
import threading

import anthropic
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

URL = os.environ["RELAY_URL"]
KEY = os.environ["RELAY_KEY"]
PIXEL = os.environ["PIXEL"]
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
PICTURE_URL = f"data:image/png;base64,{PIXEL}"


def openai_client(question):
    return openai.OpenAI(base_url=f"{URL}/v1", api_key=question.get("key", KEY), max_retries=question.get("retries", 0))


def anthropic_client(question):
    return anthropic.Anthropic(base_url=URL, api_key=question.get("key", KEY), max_retries=question.get("retries", 0))


def genai_client(question):
    options = genai_types.HttpOptions(base_url=URL, api_version=question.get("version"))
    return genai.Client(api_key=question.get("key", KEY), http_options=options)


def told(text, calls, input_tokens, output_tokens, **more):
    return {"text": text, "calls": calls, "inputTokens": input_tokens, "outputTokens": output_tokens, **more}


def chat(q):
    image = {"type": "image_url", "image_url": {"url": PICTURE_URL}}
    content = [{"type": "text", "text": q["text"]}, image] if q.get("picture") else q["text"]
    messages = [{"role": "user", "content": content}]
    if "system" in q:
        messages.insert(0, {"role": "system", "content": q["system"]})
    request = {"model": q["model"], "messages": messages}
    if q.get("tools"):
        request["tools"] = [
            {"type": "function", "function": {"name": "weather", "parameters": CITY}},
            {"type": "function", "function": {"name": "now"}},
        ]
    if "schema" in q:
        shape = {"name": "answer", "schema": q["schema"]}
        request["response_format"] = {"type": "json_schema", "json_schema": shape}
    completions = openai_client(q).chat.completions

    def ask():
        if not q.get("stream"):
            return completions.create(**request)
        with completions.stream(**request, stream_options={"include_usage": True}) as stream:
            for _ in stream:
                pass
            return stream.get_final_completion()

    answer = ask()
    calls = answer.choices[0].message.tool_calls or []
    if q.get("results"):
        messages.append(answer.choices[0].message.model_dump(exclude_none=True))
        for call in calls:
            messages.append({"role": "tool", "tool_call_id": call.id, "content": f"result of {call.function.name}"})
        answer = ask()
    choice = answer.choices[0]
    assert (choice.finish_reason == "tool_calls") == bool(choice.message.tool_calls), choice.finish_reason
    named = [[call.function.name, json.loads(call.function.arguments or "{}")] for call in calls]
    usage = answer.usage
    return told(choice.message.content or "", named, usage and usage.prompt_tokens, usage and usage.completion_tokens)


def responses(q):
    image = {"type": "input_image", "image_url": PICTURE_URL, "detail": "auto"}
    parts = [{"type": "input_text", "text": q["text"]}]
    items = [{"role": "user", "content": [*parts, image] if q.get("picture") else parts}]
    request = {"model": q["model"], "input": items}
    if "system" in q:
        request["instructions"] = q["system"]
    if q.get("tools"):
        request["tools"] = [
            {"type": "function", "name": "weather", "parameters": CITY, "strict": False},
            {"type": "function", "name": "now", "parameters": None, "strict": False},
        ]
    if "schema" in q:
        request["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": q["schema"]}}
    made = openai_client(q).responses

    def ask():
        if not q.get("stream"):
            return made.create(**request)
        with made.stream(**request) as stream:
            for _ in stream:
                pass
            return stream.get_final_response()

    answer = ask()
    calls = [item for item in answer.output if item.type == "function_call"]
    if q.get("results"):
        items.extend(item.model_dump(exclude_none=True) for item in answer.output)
        for call in calls:
            output = f"result of {call.name}"
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": output})
        answer = ask()
    named = [[call.name, json.loads(call.arguments)] for call in calls]
    usage = answer.usage
    return told(answer.output_text, named, usage and usage.input_tokens, usage and usage.output_tokens)


def messages(q):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    parts = [{"type": "text", "text": q["text"]}]
    turns = [{"role": "user", "content": [*parts, image] if q.get("picture") else parts}]
    request = {"model": q["model"], "max_tokens": 256, "messages": turns}
    if "system" in q:
        request["system"] = q["system"]
    if q.get("tools"):
        request["tools"] = [
            {"name": "weather", "input_schema": CITY},
            {"name": "now", "input_schema": {"type": "object"}},
        ]
    if "schema" in q:
        request["output_config"] = {"format": {"type": "json_schema", "schema": q["schema"]}}
    client = anthropic_client(q)

    def ask():
        if not q.get("stream"):
            return client.messages.create(**request)
        with client.messages.stream(**request) as stream:
            for _ in stream:
                pass
            return stream.get_final_message()

    answer = ask()
    calls = [block for block in answer.content if block.type == "tool_use"]
    if q.get("results"):
        turns.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]})
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": f"result of {call.name}"} for call in calls
        ]
        turns.append({"role": "user", "content": results})
        answer = ask()
    assert (answer.stop_reason == "tool_use") == any(b.type == "tool_use" for b in answer.content), answer.stop_reason
    text = "".join(block.text for block in answer.content if block.type == "text")
    named = [[call.name, call.input] for call in calls]
    return told(text, named, answer.usage.input_tokens, answer.usage.output_tokens)


def generate(q):
    parts = [genai_types.Part(text=q["text"])]
    if q.get("picture"):
        parts.append(genai_types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png"))
    contents = [genai_types.Content(role="user", parts=parts)]
    config = {}
    if "system" in q:
        config["system_instruction"] = q["system"]
    if q.get("tools"):
        declared = [{"name": "weather", "parameters_json_schema": CITY}, {"name": "now"}]
        config["tools"] = [{"function_declarations": declared}]
    if "schema" in q:
        config |= {"response_mime_type": "application/json", "response_json_schema": q["schema"]}
    # Held while it is used: one that is forgotten closes its connections.
    client = genai_client(q)
    models = client.models

    def ask():
        request = {"model": q["model"], "contents": contents, "config": config or None}
        if q.get("stream"):
            return list(models.generate_content_stream(**request))
        return [models.generate_content(**request)]

    def parts_of(chunks):
        contents_of = (c.candidates[0].content for c in chunks if c.candidates)
        return [part for content in contents_of if content and content.parts for part in content.parts]

    chunks = ask()
    calls = [part.function_call for part in parts_of(chunks) if part.function_call]
    if q.get("results"):
        contents.append(genai_types.Content(role="model", parts=parts_of(chunks)))
        results = [
            genai_types.Part(
                function_response=genai_types.FunctionResponse(
                    id=call.id, name=call.name, response={"result": f"result of {call.name}"}
                )
            )
            for call in calls
        ]
        contents.append(genai_types.Content(role="user", parts=results))
        chunks = ask()
    assert chunks[-1].candidates[0].finish_reason is not None, "no finish reason at the end"
    usage = next((c.usage_metadata for c in reversed(chunks) if c.usage_metadata), None)
    text = "".join(part.text for part in parts_of(chunks) if part.text and not part.thought)
    named = [[call.name, call.args or {}] for call in calls]
    return told(text, named, usage and usage.prompt_token_count, usage and usage.candidates_token_count)


def raw_chat_stream(q):
    """Every chunk as it came; closed after so many."""
    stream = openai_client(q).chat.completions.create(
        model=q["model"], messages=[{"role": "user", "content": q["text"]}], stream=True
    )
    chunks = []
    for chunk in stream:
        chunks.append(chunk.model_dump())
        if len(chunks) == q.get("leave_after"):
            stream.close()
            break
    return chunks


def raw_message_stream(q):
    """The first events of a stream that is left."""
    request = {"model": q["model"], "max_tokens": 256, "messages": [{"role": "user", "content": q["text"]}]}
    stream = anthropic_client(q).messages.create(**request, stream=True)
    seen = []
    for event in stream:
        seen.append(event.type)
        if len(seen) == q["leave_after"]:
            stream.close()
            break
    return seen


def raw_generate_stream(q):
    """The first chunks of a stream that is left."""
    client = genai_client(q)
    stream = client.models.generate_content_stream(model=q["model"], contents=q["text"])
    seen = []
    for chunk in stream:
        seen.append(chunk.text)
        if len(seen) == q["leave_after"]:
            stream.close()
            break
    client.close()
    return seen


def embeddings(q):
    """The vectors as the SDK gives them by default, as floats, and as the base64 text that it reads."""
    made = openai_client(q).embeddings
    request = {"model": q["model"], "input": q["input"]}
    raw = made.create(**request, encoding_format="base64").data
    words = [item.embedding for item in raw]
    return {
        "byDefault": [item.embedding for item in made.create(**request).data],
        "asFloat": [item.embedding for item in made.create(**request, encoding_format="float").data],
        "fromBase64": [
            list(struct.unpack(f"<{len(base64.b64decode(w)) // 4}f", base64.b64decode(w))) if isinstance(w, str) else w
            for w in words
        ],
    }


def openai_models(q):
    made = openai_client(q).models
    return {"ids": [model.id for model in made.list()], "one": made.retrieve(q["model"]).model_dump()}


def anthropic_models(q):
    client = anthropic_client(q)
    counted = client.messages.count_tokens(model=q["model"], messages=[{"role": "user", "content": "hello"}])
    ids = [model.id for model in client.models.list(limit=2)]
    return {"ids": ids, "one": client.models.retrieve(q["model"]).model_dump(mode="json"), "counted": counted.input_tokens}


def genai_models(q):
    client = genai_client(q)
    models = client.models
    embedded = models.embed_content(model=q["model"], contents=["a", "b"])
    return {
        "ids": [model.name for model in models.list(config={"page_size": 2})],
        "one": models.get(model=q["model"]).name,
        "counted": models.count_tokens(model=q["model"], contents="hello there").total_tokens,
        "vectors": [embedding.values for embedding in embedded.embeddings],
    }


async def gather_openai(q):
    async with openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0) as client:
        turns = [{"role": "user", "content": q["text"]}]
        whole = await client.chat.completions.create(model=q["model"], messages=turns)
        streamed = ""
        async for chunk in await client.chat.completions.create(model=q["model"], messages=turns, stream=True):
            streamed += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        models = [model.id async for model in client.models.list()]
        return [whole.choices[0].message.content, streamed, q["model"] in models]


async def gather_anthropic(q):
    async with anthropic.AsyncAnthropic(base_url=URL, api_key=KEY, max_retries=0) as client:
        request = {"model": q["model"], "max_tokens": 64, "messages": [{"role": "user", "content": q["text"]}]}
        whole = await client.messages.create(**request)
        async with client.messages.stream(**request) as stream:
            streamed = "".join([text async for text in stream.text_stream])
        models = [model.id async for model in client.models.list(limit=2)]
        return [whole.content[0].text, streamed, q["model"] in models]


async def gather_genai(q):
    client = genai_client(q)
    models = client.aio.models
    whole = await models.generate_content(model=q["model"], contents=q["text"])
    chunks = [chunk async for chunk in await models.generate_content_stream(model=q["model"], contents=q["text"])]
    listed = [model.name async for model in await models.list(config={"page_size": 2})]
    return [whole.text, "".join(chunk.text or "" for chunk in chunks), f"models/{q['model']}" in listed]


def asynchronous(q):
    """Whole, streamed and listed by the SDK's other half."""
    gather = {"openai": gather_openai, "anthropic": gather_anthropic, "google-genai": gather_genai}[q["family"]]
    return asyncio.run(gather(q))


def uploads(q):
    """A form with a file each way that the SDK makes one."""
    client = openai_client(q)
    data = base64.b64decode(q["file"])
    heard = client.audio.transcriptions.create(model="whisper-1", file=("a.wav", data, "audio/wav"))
    edited = client.images.edit(model="dall-e-2", image=("b.png", data, "image/png"), prompt="a sign")
    stored = client.files.create(file=("c.jsonl", data), purpose="batch")
    content = client.files.content(stored.id).read()
    return {
        "heard": heard.text,
        "edited": edited.data[0].url,
        "stored": stored.id,
        "same": content == data,
        "deleted": client.files.delete(stored.id).deleted,
    }


def beta_message(q):
    """What the SDK sends for its beta half: `?beta=true` and the header."""
    request = {"model": q["model"], "max_tokens": 64, "messages": [{"role": "user", "content": q["text"]}]}
    answer = anthropic_client(q).beta.messages.create(**request, betas=q["betas"])
    return answer.content[0].text


def parsed(q):
    """The answer as an object of the caller's own class."""
    from pydantic import BaseModel

    class Count(BaseModel):
        n: int

    client = openai_client(q)
    turns = [{"role": "user", "content": q["text"]}]
    chat = client.chat.completions.parse(model=q["model"], messages=turns, response_format=Count)
    made = client.responses.parse(model=q["model"], input=turns, text_format=Count)
    google = genai_client(q)
    config = {"response_mime_type": "application/json", "response_schema": Count}
    third = google.models.generate_content(model=q["model"], contents=q["text"], config=config)
    return [chat.choices[0].message.parsed.n, made.output_parsed.n, third.parsed.n]


def hint(error):
    """What the answer says of when to ask again."""
    headers = getattr(getattr(error, "response", None), "headers", None)
    return headers and headers.get("retry-after-ms")


def failure(error):
    """Which family's own class it is, and what it says of itself."""
    if isinstance(error, openai.APIError):
        family, status = "openai", getattr(error, "status_code", None)
    elif isinstance(error, anthropic.AnthropicError):
        family, status = "anthropic", getattr(error, "status_code", None)
    elif isinstance(error, genai_errors.APIError):
        family, status = "google-genai", error.code
    else:
        family, status = "none", None
    return {
        "family": family,
        "class": type(error).__name__,
        "status": status,
        "message": str(error),
        "code": getattr(error, "code", None),
        "requestId": getattr(error, "request_id", None),
        "retryAfterMs": hint(error),
    }


KINDS = {
    "openai, chat": chat,
    "openai, responses": responses,
    "anthropic": messages,
    "google-genai": generate,
    "raw chat stream": raw_chat_stream,
    "raw message stream": raw_message_stream,
    "raw generate stream": raw_generate_stream,
    "embeddings": embeddings,
    "asynchronous": asynchronous,
    "uploads": uploads,
    "beta message": beta_message,
    "parsed": parsed,
    "openai models": openai_models,
    "anthropic models": anthropic_models,
    "google-genai models": genai_models,
}

writing = threading.Lock()


def serve(question):
    try:
        reply = {"id": question["id"], "answer": KINDS[question["kind"]](question)}
    except Exception as error:  # whatever it is, the test judges it
        reply = {"id": question["id"], "failure": failure(error)}
    with writing:
        print(json.dumps(reply), flush=True)


for line in sys.stdin:
    threading.Thread(target=serve, args=(json.loads(line),)).start()
