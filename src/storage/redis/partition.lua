-- Shared by all scripts: a partition of users, its memory, its heads. Every script is this file with its own after it.
--
-- A partition is one hash. Its field '' is the partition's memory, every other field is a user's head under the
-- user's access id. A user's events are a list beside it: "<arrived>,<tag>,<created_at>,<text>", oldest first.
-- All keys of a partition share its hash tag, and all that a script touches are declared.

local HOUR = 3600000

-- Fields of a partition's memory.
local EPOCH, SERIAL, FORGOTTEN_SERIAL, FORGOTTEN_CREATED_AT, NOW = 1, 2, 3, 4, 5
-- The server that wrote last: a promotion, a restart or another data set behind the same address has another one.
local REPLICATION, RUN = 6, 7
local LOST_AT, LOSSES = 8, 9
-- 1 where a node writes without waiting for replicas.
local UNWAITED = 10
local SWEEP_CURSOR, SWEEP_AT = 11, 12

-- Fields of a head. The arrival of the newest trimmed event is a lower bound of the oldest one held.
local HEAD_EPOCH, SEQ, TAG, TRIMMED_SEQ, TRIMMED_TAG, TRIMMED_CREATED_AT = 1, 2, 3, 4, 5, 6
local DROPS, BORN, BYTES, TRIMMED_ARRIVED, NEWEST_ARRIVED, MAX_CREATED_AT = 7, 8, 9, 10, 11, 12
local PUSHED_HOUR, PUSHED_SERIAL = 13, 14

-- What looks runs in two forms (`scripts.ts`). The one for a server that takes no writes for now leaves everything as it is.
local function write(...)
  if takes_writes then return redis.call(...) end
end

-- A random text from the caller; what is random here is drawn from it.
local seed = ARGV[1]
local next_setting = string.gmatch(ARGV[2], '%S+')
-- Unix milliseconds where the caller has a clock of its own (tests), else 0.
local given_time = tonumber(next_setting())
local waits = tonumber(next_setting())
-- Whether the caller has seen all partitions of this call: one that is missing was lost.
local is_witness = next_setting() == '1'
-- Whether the server forgets nothing when it restarts.
local is_durable = next_setting() == '1'
local max_events = tonumber(next_setting())
local max_bytes = tonumber(next_setting())
local buffer_ttl = tonumber(next_setting())
local head_lifetime = buffer_ttl + tonumber(next_setting())

local time = redis.call('TIME')
local wall = given_time > 0 and given_time or time[1] * 1000 + math.floor(time[2] / 1000)

local replication, first_replication, is_promoted
local function read_replication()
  if replication then return end
  local info = redis.call('INFO', 'replication')
  replication = string.match(info, 'master_replid:(%w+)')
  first_replication = string.match(info, 'master_replid2:(%w+)')
  is_promoted = string.match(first_replication, '[^0]') ~= nil
end

local run, started
local function read_server()
  if run then return end
  local info = redis.call('INFO', 'server')
  run = string.match(info, 'run_id:(%w+)')
  started = wall - tonumber(string.match(info, 'uptime_in_seconds:(%d+)')) * 1000
end

local ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_'

-- 48 bits, drawn from the caller's seed and a name that stands for one log or partition only.
local function new_epoch(name)
  if not takes_writes then error('something is new or lost, which must be written down before anybody is told') end
  local hex = redis.sha1hex(seed .. name)
  local letters = {}
  for i = 1, 8 do
    local six = tonumber(string.sub(hex, i * 2 - 1, i * 2), 16) % 64
    letters[i] = string.sub(ALPHABET, six + 1, six + 1)
  end
  return table.concat(letters)
end

local function highest(a, b)
  if a and b then return math.max(a, b) end
  return a or b
end

local function lose_tail(memory)
  memory[EPOCH] = new_epoch(memory[EPOCH])
  memory[LOST_AT] = memory[NOW]
  -- What was written before is trusted no longer, waited for or not.
  memory[UNWAITED] = waits == 0 and 1 or 0
  -- By the clock, so that data that begin anew after a second loss do not count the same.
  memory[LOSSES] = math.max(memory[LOSSES] + 1, wall)
  -- Whatever arrives from here on arrives later than the loss.
  memory[NOW] = memory[NOW] + 1
end

-- Clocks of two servers differ by less than this.
local CLOCK_DIFFERENCE = 5000

-- Whether all that was acknowledged is surely here, although another server wrote it.
local function is_complete(memory)
  -- The same process that has no replica any more: Redis renames the history after an hour.
  if run == memory[RUN] and not is_promoted then return true end
  if not is_promoted then return is_durable end
  -- A replica that has run since before the last write and was promoted. Sentinel and Cluster promote the one that
  -- has most, and every write waited for one.
  return waits > 0 and memory[UNWAITED] == 0 and started + CLOCK_DIFFERENCE < memory[NOW]
end

local function save_partition(partition)
  write('HSET', partition.key, '', cmsgpack.pack(partition.memory))
end

-- Whether keys were taken away from this server since it runs: then one that is missing may have been there.
local function has_been_emptied()
  local taken = redis.call('INFO', 'commandstats')
  return string.find(taken, 'cmdstat_flush%a+:calls=[1-9]') or string.find(taken, 'cmdstat_swapdb:calls=[1-9]')
    or string.find(redis.call('INFO', 'stats'), 'evicted_keys:[1-9]')
end

local function new_partition(key)
  read_server()
  local memory = { new_epoch(key), 0, 0, false, wall, replication, run, 0, 0, waits == 0 and 1 or 0, '0', wall }
  if is_witness or has_been_emptied() then lose_tail(memory) end
  return { key = key, base = string.sub(key, 1, -2), memory = memory }
end

local function open_partition(key)
  read_replication()
  local raw = redis.call('HGET', key, '')
  if not raw then
    local partition = new_partition(key)
    save_partition(partition)
    return partition
  end
  local memory = cmsgpack.unpack(raw)
  local partition = { key = key, base = string.sub(key, 1, -2), memory = memory }
  if memory[REPLICATION] ~= replication then
    read_server()
    local complete = is_complete(memory)
    if wall > memory[NOW] then memory[NOW] = wall end
    if not complete then lose_tail(memory) end
    memory[REPLICATION] = replication
    memory[RUN] = run
    save_partition(partition)
  end
  -- The clock never goes back.
  if wall > memory[NOW] then memory[NOW] = wall end
  if waits == 0 and memory[UNWAITED] == 0 then
    memory[UNWAITED] = 1
    save_partition(partition)
  end
  return partition
end

local function is_forgotten(memory, head)
  -- The whole hour must have passed: a head may live an hour longer, never less.
  return (head[PUSHED_HOUR] + 1) * HOUR + head_lifetime <= memory[NOW]
end

local function forget(partition, id, head)
  local memory = partition.memory
  memory[FORGOTTEN_SERIAL] = math.max(memory[FORGOTTEN_SERIAL], head[PUSHED_SERIAL])
  local gone = highest(head[TRIMMED_CREATED_AT], head[MAX_CREATED_AT])
  memory[FORGOTTEN_CREATED_AT] = highest(memory[FORGOTTEN_CREATED_AT], gone)
  write('HDEL', partition.key, id)
end

-- A head, nil where somebody has put something else there: that is to cost nobody else anything.
local function unpack_head(raw)
  local is_read, head = pcall(cmsgpack.unpack, raw)
  return is_read and type(head) == 'table' and #head == PUSHED_SERIAL and head or nil
end

-- Heads looked at in one sweep; enough that one push a minute sweeps 10,000 heads in half a day.
local SWEPT = 16

-- Forgets heads whose time is over, a few a push, all of them once an hour at most.
local function sweep(partition)
  local memory = partition.memory
  if memory[NOW] < memory[SWEEP_AT] then return end
  local found = redis.call('HSCAN', partition.key, memory[SWEEP_CURSOR], 'COUNT', SWEPT)
  memory[SWEEP_CURSOR] = found[1]
  if found[1] == '0' then memory[SWEEP_AT] = memory[NOW] + HOUR end
  for i = 1, #found[2], 2 do
    local id = found[2][i]
    if id ~= '' then
      local head = unpack_head(found[2][i + 1])
      if head and is_forgotten(memory, head) then forget(partition, id, head) end
    end
  end
end

local function save_head(partition, id, head)
  write('HSET', partition.key, id, cmsgpack.pack(head))
end

local function id_of(partition, list)
  return string.sub(list, #partition.base + 3)
end

local function channel_of(partition, id)
  return partition.base .. 'c:' .. id
end

local function find_head(partition, id, list)
  local raw = redis.call('HGET', partition.key, id)
  if not raw then return nil end
  local head = cmsgpack.unpack(raw)
  if not is_forgotten(partition.memory, head) then return head end
  forget(partition, id, head)
  save_partition(partition)
  write('DEL', list)
  return nil
end

local function open_head(partition, id, list)
  local head = find_head(partition, id, list)
  if head then return head end
  redis.call('DEL', list)
  local memory = partition.memory
  local gone = memory[FORGOTTEN_CREATED_AT]
  local now = memory[NOW]
  return { new_epoch(list), 0, 0, 0, 0, gone, 0, memory[SERIAL], 0, now, now, false, 0, 0 }
end

local function note_push(memory, head)
  head[PUSHED_HOUR] = math.floor(memory[NOW] / HOUR)
  head[PUSHED_SERIAL] = memory[SERIAL]
end

-- All events are gone: the list expired, or was taken away.
local function clear(head)
  head[TRIMMED_SEQ] = head[SEQ]
  head[TRIMMED_TAG] = head[TAG]
  head[TRIMMED_CREATED_AT] = highest(head[TRIMMED_CREATED_AT], head[MAX_CREATED_AT])
  head[TRIMMED_ARRIVED] = head[NEWEST_ARRIVED]
  head[BYTES] = 0
end

local function parse(item)
  local arrived, tag, created_at, text = string.match(item, '^(%d+),(%d+),(-?%d+),()')
  return tonumber(arrived), tonumber(tag), tonumber(created_at), #item - text + 1
end

local function trim_oldest(head, list)
  local arrived, tag, created_at, bytes = parse(redis.call('LPOP', list))
  head[TRIMMED_SEQ] = head[TRIMMED_SEQ] + 1
  head[TRIMMED_TAG] = tag
  head[TRIMMED_CREATED_AT] = highest(head[TRIMMED_CREATED_AT], created_at)
  head[TRIMMED_ARRIVED] = arrived
  head[BYTES] = head[BYTES] - bytes
end

-- Lets go of what is too old. Returns whether anything was.
local function trim_aged(memory, head, list)
  if not takes_writes then return false end
  local oldest_allowed = memory[NOW] - buffer_ttl
  local before = head[TRIMMED_SEQ]
  while head[TRIMMED_ARRIVED] < oldest_allowed and head[TRIMMED_SEQ] < head[SEQ] do
    if parse(redis.call('LINDEX', list, 0)) >= oldest_allowed then break end
    trim_oldest(head, list)
  end
  return head[TRIMMED_SEQ] > before
end

-- The head of a user as it is now, what has expired left out; nil where there is none.
local function current_head(partition, id, list)
  local head = find_head(partition, id, list)
  if not head then return nil end
  local held = head[SEQ] - head[TRIMMED_SEQ]
  local changed = false
  if held > 0 and redis.call('LLEN', list) ~= held then
    write('DEL', list)
    clear(head)
    changed = true
  end
  changed = trim_aged(partition.memory, head, list) or changed
  if changed then
    save_partition(partition)
    save_head(partition, id, head)
  end
  return head
end

-- WAIT speaks of what this connection has written (Redis 7.2, Valkey): what it only finds here is written once more, so that
-- replicas that have this have what another connection wrote before.
local function write_again(key, value, ttl)
  if waits > 0 then redis.call('SET', key, value, 'PX', ttl) end
end

-- What is known of an idempotency key: 'known' or 'conflict', and the claim's own name; nil where nobody has it.
local function find_claim(key, digest)
  local raw = redis.call('GET', key)
  if not raw then return nil end
  local held = cmsgpack.unpack(raw)
  if held[2] <= wall then return nil end
  if held[1] ~= digest then return 'conflict' end
  write_again(key, raw, held[2] - wall)
  return 'known', held[3]
end

local function save_claim(key, digest, ttl, name)
  redis.call('SET', key, cmsgpack.pack({ digest, wall + ttl, name }), 'PX', ttl)
end
