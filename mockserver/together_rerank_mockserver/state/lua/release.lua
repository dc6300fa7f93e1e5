-- Give back time that was reserved in a slot, unless the namespace was reset in the meantime.
-- KEYS: the namespace. ARGV: the slot, the ms, when the namespace was reset before the call.
local space, slots = KEYS[1], KEYS[1] .. ':slots'
if (redis.call('HGET', space, 'reset') or '') ~= ARGV[3] or redis.call('HEXISTS', slots, ARGV[1]) == 0 then return end
redis.call('HINCRBYFLOAT', slots, ARGV[1], -ARGV[2])
