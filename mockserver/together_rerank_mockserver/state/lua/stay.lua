-- Keep calls in flight. KEYS: for each call, the calls in flight of its namespace.
-- ARGV: the ms after which a call without a sign of life is no longer in flight, and the names of the calls.
local ends = now_ms() + ARGV[1]
for place, flight in ipairs(KEYS) do redis.call('ZADD', flight, 'XX', ends, ARGV[place + 1]) end
