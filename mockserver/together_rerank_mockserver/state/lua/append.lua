-- Append to a queue, or return why not: `closed` if its last entry is for all calls, `long` if it would have too many
-- entries, `large` if it would have too many bytes, each with the number of entries.
-- KEYS: the queue. ARGV: the maximum entries and bytes, the seconds until unused keys expire, and what to append.
local queue, most, bytes, ttl = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local count = redis.call('LLEN', queue)
if (redis.call('LINDEX', queue, -1) or ''):sub(1, 7) == 'always ' then return {'closed', count} end
if count + #ARGV - 3 > most then return {'long', count} end
local size = 0
for _, entry in ipairs(redis.call('LRANGE', queue, 0, -1)) do size = size + #entry end
for place = 4, #ARGV do size = size + #ARGV[place] end
if size > bytes then return {'large', count} end
for place = 4, #ARGV do redis.call('RPUSH', queue, ARGV[place]) end
redis.call('EXPIRE', queue, ttl)
return {'', count}
