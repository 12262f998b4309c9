#!lua
-- Adds one to a user's drops and tells it. KEYS: partition, list. ARGV: seed, settings, publishing command.
-- Returns the number of drops.

local partition = open_partition(KEYS[1])
local memory = partition.memory
memory[SERIAL] = memory[SERIAL] + 1
local id = id_of(partition, KEYS[2])
local head = open_head(partition, id, KEYS[2])
head[DROPS] = head[DROPS] + 1
note_push(memory, head)
save_head(partition, id, head)
save_partition(partition)
redis.call(ARGV[3], channel_of(partition, id), 'D' .. head[DROPS])
return head[DROPS]
