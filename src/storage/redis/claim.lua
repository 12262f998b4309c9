#!lua
-- Claims an idempotency key for a push that goes to several servers.
-- KEYS: claim. ARGV: seed, settings, digest, ttl. Returns the outcome and the claim's name.

local outcome, name = find_claim(KEYS[1], ARGV[3])
if outcome then return { outcome, name } end
save_claim(KEYS[1], ARGV[3], tonumber(ARGV[4]), seed)
return { 'new', seed }
