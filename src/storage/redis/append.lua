#!lua
-- Appends a push, whole or not at all: what a script has written stays where it is stopped, so that whatever could stop this one
-- is looked at before the first write.
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
  for from = 1, #items, PUSHED_AT_ONCE do
    redis.call('RPUSH', list, unpack(items, from, math.min(#items, from + PUSHED_AT_ONCE - 1)))
  end
end

-- One user's part: the head as it is, and which arguments are the events.
local function look_at(partition, list)
  local id = id_of(partition, list)
  local head = open_head(partition, id, list)
  if redis.call('LLEN', list) ~= head[SEQ] - head[TRIMMED_SEQ] then
    -- The list had expired, or was taken away.
    redis.call('DEL', list)
    clear(head)
  end
  local count = tonumber(next_arg())
  local first = arg_index + 1
  arg_index = arg_index + count
  return { partition = partition, id = id, list = list, head = head, first = first, last = arg_index }
end

-- The first of the commands that follow which this user may not call: a right can be taken away while it is connected.
local function refused_command(part)
  for _, command in ipairs({ 'RPUSH', 'PEXPIRE', 'LINDEX', 'LPOP', 'HSET', 'SET' }) do
    if not redis.acl_check_cmd(command, part.list, '0', '0') then return command end
  end
  if not redis.acl_check_cmd('DEL', part.list) then return 'DEL' end
  if not redis.acl_check_cmd(publishing, channel_of(part.partition, part.id), '') then return publishing end
end

-- Lets go of as many of the events held as those that come have no room beside, and of what is too old.
local function make_room(memory, head, list, count, bytes)
  while head[SEQ] > head[TRIMMED_SEQ] and
    (head[SEQ] + count - head[TRIMMED_SEQ] > max_events or head[BYTES] + bytes > max_bytes) do trim_oldest(head, list) end
  trim_aged(memory, head, list)
end

local function append(part)
  local partition, list, head = part.partition, part.list, part.head
  local memory = partition.memory
  local now = memory[NOW]
  local stamp = string.format('%.0f', now) .. ',' .. tag .. ','
  local items, announced = {}, { 'E', head[HEAD_EPOCH], ',', string.format('%.0f', head[SEQ]), ',', head[TAG], ',', tag, ',', arrival, ';' }
  local bytes, max_created_at = 0, false
  for at = part.first, part.last do
    local event = ARGV[at]
    local created_at, text = string.match(event, '^(-?%d+),()')
    max_created_at = highest(max_created_at, tonumber(created_at))
    bytes = bytes + #event - text + 1
    items[#items + 1] = stamp .. event
    announced[#announced + 1] = #event
    announced[#announced + 1] = ':'
    announced[#announced + 1] = event
  end
  -- Before the first write that counts: where somebody has put something that is no event into the list, all of it is let go of.
  if not pcall(make_room, memory, head, list, #items, bytes) then
    redis.call('DEL', list)
    clear(head)
  end
  push(list, items)
  head[SEQ] = head[SEQ] + #items
  head[TAG] = tonumber(tag)
  head[NEWEST_ARRIVED] = now
  head[MAX_CREATED_AT] = highest(head[MAX_CREATED_AT], max_created_at)
  head[BYTES] = head[BYTES] + bytes
  while head[SEQ] - head[TRIMMED_SEQ] > max_events or head[BYTES] > max_bytes do trim_oldest(head, list) end
  -- A minute longer than the events live, so that whoever looks finds them too old before they are gone.
  redis.call('PEXPIRE', list, buffer_ttl + 60000)
  note_push(memory, head)
  save_head(partition, part.id, head)
  redis.call(publishing, channel_of(partition, part.id), table.concat(announced))
end

local claim_key = claim_form ~= '' and next_key()
if claim_form == 'claim' then
  local outcome = find_claim(claim_key, ARGV[5])
  if outcome then return outcome == 'known' and 'repeated' or outcome end
elseif claim_form == 'marker' and redis.call('GET', claim_key) == ARGV[5] then
  write_again(claim_key, ARGV[5], ARGV[6])
  return 'repeated'
end

local partitions, parts = {}, {}
while key_index < #KEYS do
  local partition = open_partition(next_key())
  partition.memory[SERIAL] = partition.memory[SERIAL] + 1
  for _ = 1, tonumber(next_arg()) do parts[#parts + 1] = look_at(partition, next_key()) end
  partitions[#partitions + 1] = partition
end
local refused = parts[1] and refused_command(parts[1])
if refused then return redis.error_reply('NOPERM this user may not call ' .. refused) end

for _, partition in ipairs(partitions) do
  sweep(partition)
  save_partition(partition)
end
for _, part in ipairs(parts) do append(part) end
-- Last: a push that was stopped after all is stored by its repeat, not taken for stored.
if claim_form == 'claim' then
  save_claim(claim_key, ARGV[5], tonumber(ARGV[6]), '')
elseif claim_form == 'marker' then
  redis.call('SET', claim_key, ARGV[5], 'PX', ARGV[6])
end
return 'stored'
