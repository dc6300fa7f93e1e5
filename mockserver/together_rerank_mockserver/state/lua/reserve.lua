-- Reserve time in the slot that is free first; return the slot, and the ms until the reserved time ends.
-- KEYS: the namespace. ARGV: how many slots there are, the ms to reserve, the seconds until unused keys expire.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local slots = KEYS[1] .. ':slots'
local best, free = 0, math.huge
for slot = 0, ARGV[1] - 1 do
  local ends = tonumber(redis.call('HGET', slots, slot) or 0)
  if ends < free then best, free = slot, ends end
end
local ends = math.max(now, free) + ARGV[2]
redis.call('HSET', slots, best, string.format('%.3f', ends))
redis.call('EXPIRE', slots, ARGV[3])
return {best, string.format('%.3f', ends - now)}
