#!lua flags=no-writes,allow-oom
-- Which of the commands of all scripts this user may not call. Nothing is called.
-- KEYS: a key that nothing uses. ARGV: publishing command, a channel that nobody hears.
-- Returns their names.

local key = KEYS[1]
local refused = {}

local function try(command, ...)
  if not redis.acl_check_cmd(command, ...) then refused[#refused + 1] = command end
end

try('TIME')
try('INFO', 'replication')
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
try('LPOP', key)
try('ZADD', key, '1', 'a')
try('ZREMRANGEBYSCORE', key, '-inf', '0')
try('ZRANGE', key, '0', '-1')
try(ARGV[1], ARGV[2], '')
return refused
