-- Posts one body over and over; prints the outcome as one line of JSON.
-- Arguments: the file of the body, then "name: value" for each header.
-- THINK_MS in the environment: how long each connection waits before its next call.

local think = tonumber(os.getenv("THINK_MS") or "0")
if think > 0 then
  delay = function()
    return think
  end
end

init = function(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  file:close()
  wrk.headers["content-type"] = "application/json"
  for i = 2, #args do
    local name, value = args[i]:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
end

done = function(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'OUTCOME {"requests":%d,"seconds":%.6f,"failures":%d,"p50Us":%d,"p99Us":%d}\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
