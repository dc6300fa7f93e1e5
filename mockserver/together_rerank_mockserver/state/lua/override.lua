-- Set the ranking of all further calls.
-- KEYS: the namespace, the index of namespaces, the totals.
-- ARGV: the ranking, the seconds until unused keys expire, the maximum number of namespaces.
redis.call('HSET', KEYS[1], 'override', ARGV[1], 'overridden', 0)
use(ARGV[2], ARGV[3])
