#!lua
-- The beginning of each script. With the first line, a script without memory for its writes fails before the first one.

-- Delete the keys of a namespace, except its calls in flight.
local function drop(name)
  for _, part in ipairs({'', ':faults', ':rankings', ':ids', ':ids:old', ':quota', ':slots', ':ranked', ':journal'}) do
    redis.call('DEL', name .. part)
  end
end

