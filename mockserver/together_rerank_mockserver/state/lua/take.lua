-- Use up the first entry of a queue once, and return it; return nothing if there is none, if it is not the one that is
-- expected, or if the namespace was reset during the call.
-- KEYS: the namespace. ARGV: the queue; when the namespace was reset before the call; the expected entry, empty for any.
local space, queue, reset, expected = KEYS[1], KEYS[1] .. ARGV[1], ARGV[2], ARGV[3]
local entry = first(queue)
if entry == '' or (expected ~= '' and entry ~= expected) then return '' end
if (redis.call('HGET', space, 'reset') or '') ~= reset then return '' end
use_up(queue)
return entry
