-- Sends the suite's body; wrk has no option for one.
local file = assert(io.open(os.getenv("PEER_BODY"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "application/json"
file:close()
