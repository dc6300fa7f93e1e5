-- The beginning of each script.

-- Delete the keys of a namespace, except its calls in flight.
local function drop(name)
  for _, part in ipairs({'', ':faults', ':rankings', ':ids', ':ids:old', ':quota', ':slots', ':ranked', ':journal'}) do
    redis.call('DEL', name .. part)
  end
end

