-- Give the calls whose body contains a word a namespace of their own; the oldest words lose theirs.
-- KEYS: the namespace, the index of namespaces, the totals. ARGV: the word, the maximum words, the seconds until unused
-- keys expire, the maximum number of namespaces.
local space, word, most, ttl = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
local words = {}
for each in (redis.call('HGET', space, 'words') or ''):gmatch('%S+') do
  if each ~= word then words[#words + 1] = each end
end
words[#words + 1] = word
while #words > most do drop(space .. ' ' .. table.remove(words, 1)) end
redis.call('HSET', space, 'words', table.concat(words, ' '))
use(ttl, ARGV[4])
