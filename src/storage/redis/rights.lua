#!lua flags=allow-oom
-- Which of the commands of the scripts this user may not call, tried on a key and a channel of their own.
-- KEYS: a key that nothing uses. ARGV: seed, settings, publishing command, a channel that nobody hears.
-- Returns "<command>: <what the server says>" for each.

local key = KEYS[1]
local refused = {}

-- Anything else that is said here (a full memory, a server that takes no writes) is for those who really write to hear.
local function is_refusal(message)
  return string.find(message, 'NOPERM') or string.find(message, 'ACL failure') or string.find(message, 'user executing the script')
end

local function try(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err and is_refusal(reply.err) then
    refused[#refused + 1] = select(1, ...) .. ': ' .. reply.err
  end
end

try('TIME')
try('INFO', 'replication')
try('DEL', key)
try('HSET', key, 'a', 'b')
try('HGET', key, 'a')
try('HSCAN', key, '0')
try('HDEL', key, 'a')
try('SET', key, 'a', 'PX', '1000')
try('GET', key)
try('DEL', key)
try('RPUSH', key, 'a')
try('PEXPIRE', key, '1000')
try('LLEN', key)
try('LINDEX', key, '0')
try('LRANGE', key, '0', '0')
try('LTRIM', key, '0', '0')
try('LPOP', key)
try(ARGV[3], ARGV[4], '')
return refused
