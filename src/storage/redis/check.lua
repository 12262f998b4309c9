#!lua flags=allow-oom
-- Which cursors are not where their owners think. KEYS: partitions.
-- ARGV: seed, settings, then for each partition the number of its cursors and for each the access id and
-- "<epoch>.<seq>.<tag> <drops> <losses>". Returns the numbers of those that differ, counted from 0 over all.

local astray = {}
local arg_index, cursor = 2, 0

local function next_arg()
  arg_index = arg_index + 1
  return ARGV[arg_index]
end

local function is_in_place(partition, id, stated)
  local memory = partition.memory
  local raw = redis.call('HGET', partition.key, id)
  if raw then
    local head = cmsgpack.unpack(raw)
    local place = string.format('%s.%.0f.%.0f %.0f %.0f', head[HEAD_EPOCH], head[SEQ], head[TAG], head[DROPS], memory[LOSSES])
    return place == stated
  end
  local epoch, seq, losses = string.match(stated, '^(%S+)%.(%d+)%.0 0 (%d+)$')
  if epoch ~= memory[EPOCH] or tonumber(losses) ~= memory[LOSSES] then return false end
  return tonumber(seq) >= memory[FORGOTTEN_SERIAL] and tonumber(seq) <= memory[SERIAL]
end

for _, key in ipairs(KEYS) do
  local partition = open_partition(key)
  for _ = 1, tonumber(next_arg()) do
    if not is_in_place(partition, next_arg(), next_arg()) then astray[#astray + 1] = cursor end
    cursor = cursor + 1
  end
end
return astray
