#!lua
-- The beginning of each script. With the first line, a script without memory for its writes fails before the first one.

-- Delete the keys of a namespace, except its calls in flight. KEYS: another namespace, the index of namespaces.
local function drop(name)
  redis.call('ZREM', KEYS[2], name)
  for _, part in ipairs({'', ':faults', ':rankings', ':ids', ':ids:old', ':quota', ':slots', ':ranked', ':journal'}) do
    redis.call('DEL', name .. part)
  end
end

-- Return the time in milliseconds.
local function now_ms()
  local clock = redis.call('TIME')
  return clock[1] * 1000 + math.floor(clock[2] / 1000)
end

-- Return how many calls of a namespace are in flight; those without a sign of life no longer count.
local function in_flight(name)
  return redis.call('ZCOUNT', name .. ':flight', now_ms(), '+inf')
end

-- Note that a namespace is used. If there are too many, drop the one that was unused for longest: none with calls in
-- flight, never `default`, and one with queued faults only if all have some.
-- KEYS: the namespace, the index of namespaces, the totals.
local function use(ttl, most)
  local space, names, totals = KEYS[1], KEYS[2], KEYS[3]
  redis.call('ZADD', names, now_ms(), space)
  redis.call('EXPIRE', names, ttl)
  redis.call('EXPIRE', space, ttl)
  if redis.call('ZCARD', names) <= tonumber(most) then return end
  local chosen
  for _, each in ipairs(redis.call('ZRANGE', names, 0, -1)) do
    if each ~= space and each:sub(-8) ~= ':default' and in_flight(each) == 0 then
      chosen = chosen or each
      if redis.call('EXISTS', each .. ':faults') == 0 then
        chosen = each
        break
      end
    end
  end
  if chosen then
    redis.call('HINCRBY', totals, 'dropped', redis.call('LLEN', chosen .. ':journal'))
    drop(chosen)
  end
end

-- Return how many random numbers the namespace has drawn for a purpose, and count one more.
local function next_draw(purpose, ttl)
  local number = redis.call('HINCRBY', KEYS[1], 'draws:' .. purpose, 1) - 1
  redis.call('EXPIRE', KEYS[1], ttl)
  return number
end

-- Return the first entry of a queue, or nothing. Its text is a number or `always`, a space, and the entry.
local function first(queue)
  return ((redis.call('LINDEX', queue, 0) or ''):match('^%S+ (.*)$')) or ''
end

-- Use up the first entry of a queue once.
local function use_up(queue)
  local left, entry = redis.call('LINDEX', queue, 0):match('^(%S+) (.*)$')
  if left == '1' then
    redis.call('LPOP', queue)
  elseif left ~= 'always' then
    redis.call('LSET', queue, 0, (left - 1) .. ' ' .. entry)
  end
end

