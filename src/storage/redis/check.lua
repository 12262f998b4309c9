#!lua flags=allow-oom
-- Which cursors are not where their owners think. KEYS: partitions.
-- ARGV: seed, settings, then for each partition the epoch that the caller knows of it ('': none), the number of its cursors and
-- for each the access id and "<epoch>.<seq>.<tag> <drops> <losses>".
-- Returns the numbers of the cursors that differ, counted from 0 over all, and the epochs of the partitions, '' where known.

local astray, epochs = {}, {}
local arg_index, cursor = 2, 0

local function next_arg()
  arg_index = arg_index + 1
  return ARGV[arg_index]
end

local function is_in_place(partition, id, stated)
  local memory = partition.memory
  local raw = redis.call('HGET', partition.key, id)
  if raw then
    local head = unpack_head(raw)
    if not head then return false end
    local place = string.format('%s.%.0f.%.0f %.0f %.0f', head[HEAD_EPOCH], head[SEQ], head[TAG], head[DROPS], memory[LOSSES])
    return place == stated
  end
  local epoch, seq, losses = string.match(stated, '^(%S+)%.(%d+)%.0 0 (%d+)$')
  if epoch ~= memory[EPOCH] or tonumber(losses) ~= memory[LOSSES] then return false end
  return tonumber(seq) >= memory[FORGOTTEN_SERIAL] and tonumber(seq) <= memory[SERIAL]
end

-- Other data than the caller has seen, begun by somebody who could not know that there had been any.
local function is_unnoticed_loss(known, memory)
  return known ~= '' and known ~= memory[EPOCH] and memory[LOST_AT] == 0
end

for index, key in ipairs(KEYS) do
  local partition = open_partition(key)
  local memory, known = partition.memory, next_arg()
  if is_unnoticed_loss(known, memory) then
    lose_tail(memory)
    save_partition(partition)
  end
  epochs[index] = memory[EPOCH] == known and '' or memory[EPOCH]
  for _ = 1, tonumber(next_arg()) do
    if not is_in_place(partition, next_arg(), next_arg()) then astray[#astray + 1] = cursor end
    cursor = cursor + 1
  end
end
return { astray, epochs }
