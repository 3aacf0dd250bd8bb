-- What wrk asks for: the notes of one tenant after another, in an order drawn once; and in some of a hundred requests
-- a new note instead. Arguments: how many tenants, how many of a hundred.
local requests, at = {}, 0

function init(args)
  local tenants, writes = tonumber(args[1]), tonumber(args[2])
  local body = '{"title":"A note of the benchmark","body":"Nobody but this tenant\'s users reads it."}'
  math.randomseed(1)
  for number = 1, 10000 do
    local host = string.format("t%05d.bench.test", math.random(tenants))
    if math.random(100) <= writes then
      local headers = { ["Host"] = host, ["Content-Type"] = "application/json" }
      requests[number] = wrk.format("POST", "/notes", headers, body)
    else
      requests[number] = wrk.format("GET", "/notes", { ["Host"] = host })
    end
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

-- One line, for the program that started wrk.
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local form = '{"requests":%d,"microseconds":%d,"failed":%d,"p50":%d,"p99":%d}\n'
  io.write(form:format(summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
