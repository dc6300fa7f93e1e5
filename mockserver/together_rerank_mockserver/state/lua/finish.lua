-- End a call: count it, and write its journal entry.
-- KEYS: the namespace, the index of namespaces, the totals.
-- ARGV: the name of the call; when the namespace was reset before the call; empty if there is neither a limit in flight
-- nor a quota, else whether the call was admitted: if not, it gives back its place in the quota; whether it used the
-- ranking override; its status and fault; the place of its duration in the histogram; its duration in microseconds; its
-- journal entry, which can be empty; the maximum entries and bytes of the journal; the seconds until unused keys expire;
-- the maximum number of namespaces; the time in minutes: once a minute, the keys get their time to live again.
local space, totals = KEYS[1], KEYS[3]
local call, reset, admitted, overrode, outcome, place, micros, entry, most, bytes, ttl, spaces, minute = unpack(ARGV)
local journal, faults, rankings = space .. ':journal', space .. ':faults', space .. ':rankings'

redis.call('HINCRBY', totals, 'requests:' .. outcome, 1)
redis.call('HINCRBY', totals, 'durations:' .. place, 1)
redis.call('HINCRBY', totals, 'micros', micros)
if admitted ~= '' then redis.call('ZREM', space .. ':flight', call) end
if admitted == '0' then redis.call('ZREM', space .. ':quota', call) end
local now_reset, kept = unpack(redis.call('HMGET', space, 'reset', 'kept'))
-- What a reset has cleared stays cleared.
if (now_reset or '') ~= reset then return end
if overrode == '1' then redis.call('HINCRBY', space, 'overridden', 1) end
if entry ~= '' then
  local count = redis.call('RPUSH', journal, entry)
  if count == 1 then
    redis.call('EXPIRE', journal, ttl)
    redis.call('HDEL', space, 'bytes')  -- of a journal that has expired
  end
  local size = redis.call('HINCRBY', space, 'bytes', #entry)
  while count > tonumber(most) or size > tonumber(bytes) do
    size = redis.call('HINCRBY', space, 'bytes', -#redis.call('LPOP', journal))
    count = count - 1
    redis.call('HINCRBY', space, 'dropped', 1)
    redis.call('HINCRBY', totals, 'dropped', 1)
  end
end
if kept ~= minute then
  redis.call('HSET', space, 'kept', minute)
  use(ttl, spaces)
  for _, key in ipairs({journal, faults, rankings, space .. ':ids', space .. ':ids:old'}) do
    redis.call('EXPIRE', key, ttl)
  end
end
