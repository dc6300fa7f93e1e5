-- Take from a namespace what a call can need. `take.lua` uses up a conditional fault or a ranking later.
-- KEYS: the namespace, the index of namespaces, the totals.
-- ARGV: what to take: `f` a queued fault, `p` only to look at it, `a` admission, `d` a random number, `i` a number for
-- the id, and `w` to return the words of the namespace instead, if it has some; the name of the call; the hash of its
-- body; the maximum calls in flight, the quota and its window in ms, each empty without a limit; the seconds until unused
-- keys expire; the ms after which a call without a sign of life is no longer in flight; how many bodies are remembered;
-- the maximum number of namespaces.
local space = KEYS[1]
local wanted, call, body, max_in_flight, limit, window, ttl, flight_ms, bodies, spaces = unpack(ARGV)
local faults, rankings, ids, old_ids = space .. ':faults', space .. ':rankings', space .. ':ids', space .. ':ids:old'
local quota, flight = space .. ':quota', space .. ':flight'

-- Return how many earlier calls had the same body. Bodies that are not sent again are forgotten by and by.
local function count(id)
  local times = redis.call('HINCRBY', ids, id, 1)
  if times == 1 then
    local before = redis.call('HGET', old_ids, id)
    if before then times = redis.call('HINCRBY', ids, id, before) end
    redis.call('EXPIRE', ids, ttl)
    if redis.call('HLEN', ids) > tonumber(bodies) then redis.call('RENAME', ids, old_ids) end
  end
  return times - 1
end

local reset, override, words, kept = unpack(redis.call('HMGET', space, 'reset', 'override', 'words', 'kept'))
if words and wanted:find('w') then return {words} end
if not kept then use(ttl, spaces) end
local fault, draw, times = '', -1, -1
local admitted, granted, remaining, wait = 1, 1, -1, 0
if wanted:find('[fp]') then fault = first(faults) end
if wanted:find('f') and fault ~= '' and fault:sub(1, 1) ~= 'c' then use_up(faults) end
if wanted:find('d') and fault == '' then draw = next_draw('', ttl) end
-- A status fault is answered before admission.
local is_error = not wanted:find('a') or fault:sub(1, 1) == 's'
if not is_error and max_in_flight .. limit ~= '' then
  local now = now_ms()
  if max_in_flight ~= '' then
    redis.call('ZREMRANGEBYSCORE', flight, '-inf', now)
    if redis.call('ZCARD', flight) < tonumber(max_in_flight) then
      redis.call('ZADD', flight, now + flight_ms, call)
      redis.call('EXPIRE', flight, ttl)
    else
      admitted = 0
    end
  end
  if limit ~= '' and admitted == 1 then
    redis.call('ZREMRANGEBYSCORE', quota, '-inf', now - window)
    local used = redis.call('ZCARD', quota)
    if used < tonumber(limit) then
      redis.call('ZADD', quota, now, call)
      redis.call('PEXPIRE', quota, window)
      used = used + 1
    else
      granted = 0
    end
    remaining = limit - used
    wait = redis.call('ZRANGE', quota, 0, 0, 'WITHSCORES')[2] + window - now
  end
  is_error = admitted == 0 or granted == 0
end
if wanted:find('i') then times = count(body .. (is_error and ':error' or '')) end
local has_rankings = redis.call('EXISTS', rankings)
return {
  reset or '', fault, has_rankings, override or '', admitted, granted, remaining, wait, times, draw, is_error and 1 or 0,
}
