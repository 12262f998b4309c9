#!lua flags=allow-oom
-- One consistent look at a log, and a page of it. KEYS: partition, list.
-- ARGV: seed, settings, epoch and number of a position, bytes of the page (0: none), and which events to skip: those up
-- to number ARGV[7] that are older than ARGV[6] ('': none).
-- Returns the store's memory, the head, the tag of the position's event, whether it is trusted, and the page.

local partition = open_partition(KEYS[1])
local memory = partition.memory
local list = KEYS[2]
local head = current_head(partition, id_of(partition, list), list)
local epoch, seq, page_bytes = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local since, skip_until = tonumber(ARGV[6]), tonumber(ARGV[7])

local tail_lost = memory[LOST_AT] > 0 and memory[NOW] - memory[LOST_AT] < buffer_ttl
local store = { memory[EPOCH], memory[SERIAL], memory[FORGOTTEN_SERIAL], memory[FORGOTTEN_CREATED_AT] or '',
  memory[LOSSES], tail_lost and 1 or 0 }
if not head then return { store } end

-- Tag of an event that the log holds or has just trimmed, and when it arrived.
local function event_at(number)
  if number == head[TRIMMED_SEQ] then return head[TRIMMED_TAG], head[TRIMMED_ARRIVED] end
  if number < head[TRIMMED_SEQ] or number > head[SEQ] then return nil end
  local arrived, tag = parse(redis.call('LINDEX', list, number - head[TRIMMED_SEQ] - 1))
  return tag, arrived
end

local tag, arrived = event_at(seq)
local trusted = not arrived or arrived > memory[LOST_AT]

-- About the size of an event's id and the comma after it.
local ID_BYTES = 48
local READ_AT_ONCE = 64

-- From the position's event on, or from the oldest one where the position is not one of this log.
local function page()
  local from = epoch == head[HEAD_EPOCH] and tag and seq or head[TRIMMED_SEQ]
  local ends, before, bytes, events = from, from, 0, {}
  local end_tag = event_at(from)
  local before_tag = end_tag
  while ends < head[SEQ] do
    local index = ends - head[TRIMMED_SEQ]
    for _, item in ipairs(redis.call('LRANGE', list, index, index + READ_AT_ONCE - 1)) do
      local _, item_tag, created_at, length = parse(item)
      local number = ends + 1
      if not since or created_at >= since or number > skip_until then
        bytes = bytes + length + ID_BYTES
        if bytes > page_bytes and #events > 0 then return { from, before, before_tag, ends, end_tag, events } end
        events[#events + 1] = number
        events[#events + 1] = item
      elseif #events == 0 then
        before, before_tag = number, item_tag
      end
      ends, end_tag = number, item_tag
    end
  end
  return { from, before, before_tag, ends, end_tag, events }
end

local shown = { head[HEAD_EPOCH], head[SEQ], head[TAG], head[TRIMMED_SEQ], head[TRIMMED_TAG],
  head[TRIMMED_CREATED_AT] or '', head[DROPS], head[BORN], head[BYTES] }
return { store, shown, seq > head[TRIMMED_SEQ] and tag or '', trusted and 1 or 0, page_bytes > 0 and page() or '' }
