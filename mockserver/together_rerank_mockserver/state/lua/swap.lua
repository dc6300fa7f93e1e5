-- Store a ranking, and return the one that was stored before; empty if there was none.
-- KEYS: the namespace. ARGV: the ranking, the seconds until unused keys expire.
local key = KEYS[1] .. ':ranked'
local before = redis.call('GET', key)
redis.call('SET', key, ARGV[1], 'EX', ARGV[2])
return before or ''
