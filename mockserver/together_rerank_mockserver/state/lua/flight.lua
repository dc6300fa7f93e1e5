-- Return how many calls are in flight. KEYS: the index of namespaces.
local count = 0
for _, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do count = count + in_flight(name) end
return count
