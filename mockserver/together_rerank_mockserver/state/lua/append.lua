-- Append to a queue, or return why not: `closed` if its last entry is for all calls, `long` if it would have too many
-- entries, `large` if it would have too many bytes, each with the number of entries.
-- KEYS: the namespace, the index of namespaces, the totals. ARGV: the queue, the maximum entries and bytes, the seconds
-- until unused keys expire, the maximum number of namespaces, and what to append.
local queue, most, bytes, ttl = KEYS[1] .. ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local count = redis.call('LLEN', queue)
if (redis.call('LINDEX', queue, -1) or ''):sub(1, 7) == 'always ' then return {'closed', count} end
if count + #ARGV - 5 > most then return {'long', count} end
local size = 0
for _, entry in ipairs(redis.call('LRANGE', queue, 0, -1)) do size = size + #entry end
for place = 6, #ARGV do size = size + #ARGV[place] end
if size > bytes then return {'large', count} end
for place = 6, #ARGV do redis.call('RPUSH', queue, ARGV[place]) end
redis.call('EXPIRE', queue, ttl)
use(ttl, ARGV[5])
return {'', count}
