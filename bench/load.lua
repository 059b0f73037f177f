-- SPDX-License-Identifier: Apache-2.0
-- Load for wrk: cycles through the requests of a file (LOAD_FILE: each preceded by its length and a
-- newline), and prints one JSON line at the end. Every answer must be a 2xx one.
local requests = {}

function init(args)
   local file = assert(io.open(os.getenv("LOAD_FILE"), "rb"))
   while true do
      local length = file:read("*n")
      if not length then
         break
      end
      file:read(1)
      requests[#requests + 1] = file:read(length)
   end
   file:close()
end

local at = 0

function request()
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"us":%d,"p50":%.1f,"p99":%.1f,"bad":%d,"broken":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
