-- KEYS: the namespace. ARGV: the purpose of the random number, the seconds until unused keys expire.
return next_draw(ARGV[1], ARGV[2])
