-- Empty a namespace and those of its words. Calls in flight finish, and leave nothing behind.
-- KEYS: the namespace, the index of namespaces, the totals.
-- ARGV: the seconds until unused keys expire, the maximum number of namespaces.
local space, ttl = KEYS[1], ARGV[1]
local clock = redis.call('TIME')

local function empty(name)
  drop(name)
  redis.call('HSET', name, 'reset', clock[1] .. '.' .. clock[2])
  redis.call('EXPIRE', name, ttl)
end

for word in (redis.call('HGET', space, 'words') or ''):gmatch('%S+') do empty(space .. ' ' .. word) end
empty(space)
use(ttl, ARGV[2])
