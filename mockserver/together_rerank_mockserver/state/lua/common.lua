#!lua
-- The beginning of each script. With the first line, a script without memory for its writes fails before the first one.

-- Delete the keys of a namespace, except its calls in flight.
local function drop(name)
  for _, part in ipairs({'', ':faults', ':rankings', ':ids', ':ids:old', ':quota', ':slots', ':ranked', ':journal'}) do
    redis.call('DEL', name .. part)
  end
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

