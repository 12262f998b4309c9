#!lua
-- Appends a push, whole or not at all.
-- KEYS: [claim], then for each partition its hash and the lists of its users.
-- ARGV: seed, settings, tag, form of the claim ('', 'claim', 'marker'), digest, ttl, publishing command, arrival (handed on as
-- it is), then for each partition the number of its users and for each user the number of events and the events
-- ("<created_at>,<text>").
-- Returns 'stored', 'repeated' or 'conflict'.

local tag, claim_form, publishing = ARGV[3], ARGV[4], ARGV[7]
local arrival = ARGV[8]
local key_index, arg_index = 0, 8

local function next_key()
  key_index = key_index + 1
  return KEYS[key_index]
end

local function next_arg()
  arg_index = arg_index + 1
  return ARGV[arg_index]
end

-- Values that one call of RPUSH takes: Lua's stack ends at 8,000.
local PUSHED_AT_ONCE = 1000

local function push(list, items)
  local length
  for from = 1, #items, PUSHED_AT_ONCE do
    length = redis.call('RPUSH', list, unpack(items, from, math.min(#items, from + PUSHED_AT_ONCE - 1)))
  end
  return length
end

local function append(partition, list, count)
  local memory = partition.memory
  local id = id_of(partition, list)
  local head = open_head(partition, id, list)
  local now = memory[NOW]
  local stamp = string.format('%.0f', now) .. ',' .. tag .. ','
  local items, announced = {}, { 'E', head[HEAD_EPOCH], ',', string.format('%.0f', head[SEQ]), ',', head[TAG], ',', tag, ',', arrival, ';' }
  local bytes, max_created_at = 0, false
  for i = 1, count do
    local event = next_arg()
    local created_at, text = string.match(event, '^(-?%d+),()')
    max_created_at = highest(max_created_at, tonumber(created_at))
    bytes = bytes + #event - text + 1
    items[i] = stamp .. event
    announced[#announced + 1] = #event
    announced[#announced + 1] = ':'
    announced[#announced + 1] = event
  end
  if push(list, items) ~= head[SEQ] - head[TRIMMED_SEQ] + count then
    -- The list had expired, or was taken away.
    clear(head)
    redis.call('LTRIM', list, -count, -1)
  end
  head[SEQ] = head[SEQ] + count
  head[TAG] = tonumber(tag)
  head[NEWEST_ARRIVED] = now
  head[MAX_CREATED_AT] = highest(head[MAX_CREATED_AT], max_created_at)
  head[BYTES] = head[BYTES] + bytes
  while head[SEQ] - head[TRIMMED_SEQ] > max_events or head[BYTES] > max_bytes do trim_oldest(head, list) end
  trim_aged(memory, head, list)
  -- A minute longer than the events live, so that whoever looks finds them too old before they are gone.
  redis.call('PEXPIRE', list, buffer_ttl + 60000)
  note_push(memory, head)
  save_head(partition, id, head)
  redis.call(publishing, channel_of(partition, id), table.concat(announced))
end

if claim_form == 'claim' then
  local outcome = claim(next_key(), ARGV[5], tonumber(ARGV[6]), '')
  if outcome == 'known' then return 'repeated' end
  if outcome == 'conflict' then return 'conflict' end
elseif claim_form == 'marker' then
  local key = next_key()
  if redis.call('GET', key) == ARGV[5] then return 'repeated' end
  redis.call('SET', key, ARGV[5], 'PX', ARGV[6])
end

while key_index < #KEYS do
  local partition = open_partition(next_key())
  sweep(partition)
  partition.memory[SERIAL] = partition.memory[SERIAL] + 1
  for _ = 1, tonumber(next_arg()) do append(partition, next_key(), tonumber(next_arg())) end
  save_partition(partition)
end
return 'stored'
