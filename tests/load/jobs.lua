-- Adds jobs. The first argument is the number of jobs per request: `wrk … -s jobs.lua URL -- 100`. A single job is sent
-- to the route for one job, several are sent as a batch.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  jobs = tonumber(args[1]) or 1
  local job = '{"args":["ada@example.org",42]}'
  local body = job
  local path = "/v1/tasks/load/jobs"
  if jobs > 1 then
    local all = {}
    for number = 1, jobs do
      all[number] = job
    end
    body = '{"jobs":[' .. table.concat(all, ",") .. "]}"
    path = path .. "/batch"
  end
  local headers = { ["Content-Type"] = "application/json" }
  request_text = wrk.format("POST", path, headers, body)
end

function request()
  return request_text
end

-- Prints one line that people and `run` can read.
function done(summary, latency)
  local jobs = threads[1]:get("jobs")
  local errors = summary.errors
  local answered = (summary.requests - errors.status) * jobs
  local lost = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format(
    "answered=%d jobs_per_second=%.0f p50_ms=%.2f p99_ms=%.2f refused=%d lost=%d\n",
    answered, answered / (summary.duration / 1e6), latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, lost))
end
