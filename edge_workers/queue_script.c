/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "queue.h"


/*
 * KEYS: the stream, "later", "dead", "done", and what names of records and of
 * sources begin with.  ARGV: what to do, the job's id, and more.  A record is
 * short, as there may be a hundred thousand: t, k, h, e and p are the job; s
 * its state, n the attempts, q and u when it was queued and changed, x its
 * entry, w the worker, d when it is due, r the reason or result.  The group is
 * named as the stream's last word.
 *
 * A lock of an object, by its tenant and key, keeps workers from taking jobs
 * of it, and is not to be had while one of them is at it: whoever removes or
 * exchanges what a worker would build on is alone with it.
 */

const char  xrw_queue_script[] =

"local stream, later, dead, done, jobs, of ="
" KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]\n"
"local locks = KEYS[7]\n"
"local op, id = ARGV[1], ARGV[2]\n"
"local group = string.match(stream, '[^:]+$')\n"
"local t = redis.call('TIME')\n"
"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
"local KEPT, DAYS = 1000, 30 * 86400000\n"

"local function load(i)\n"
" local s = redis.call('GET', jobs .. i)\n"
" return s and cjson.decode(s)\n"
"end\n"

"local function save(i, r, ttl)\n"
" r.u = now\n"
" if ttl then redis.call('SET', jobs .. i, cjson.encode(r), 'PX', ttl)\n"
" else redis.call('SET', jobs .. i, cjson.encode(r)) end\n"
"end\n"

/* it is in no list afterwards */

"local function off(i, r)\n"
" if r.x then\n"
"  pcall(redis.call, 'XACK', stream, group, r.x)\n"
"  redis.call('XDEL', stream, r.x)\n"
"  r.x = nil\n"
" end\n"
" redis.call('ZREM', later, i)\n"
" redis.call('ZREM', dead, i)\n"
" redis.call('ZREM', done, i)\n"
" r.w, r.d = nil, nil\n"
"end\n"

"local function queue(i, r)\n"
" r.s = 'q'\n"
" r.x = redis.call('XADD', stream, '*', 'i', i)\n"
" save(i, r)\n"
"end\n"

"local function keep(list, i)\n"
" redis.call('ZADD', list, now, i)\n"
" redis.call('ZREMRANGEBYRANK', list, 0, -KEPT - 1)\n"
"end\n"

"local function bury(i, r, why)\n"
" off(i, r)\n"
" r.s, r.r = 'x', why\n"
" save(i, r, DAYS)\n"
" keep(dead, i)\n"
"end\n"

/* of the jobs of a source the last one that was done is the one that is */

"local function holds(i, r, source)\n"
" return r.s ~= 'd' or redis.call('GET', of .. source) == i\n"
"end\n"

"if op == 'add' then\n"
" local r = load(id)\n"
" local was = r and r.s or ''\n"
" if r and r.s ~= 'x' and holds(id, r, ARGV[6])"
"  and not (r.s == 'd' and ARGV[4] == '1') then return { r.s, 0 } end\n"
" if redis.call('XLEN', stream) + redis.call('ZCARD', later)"
"  >= tonumber(ARGV[5]) then return { 'full', 0 } end\n"
" if r then off(id, r) end\n"
" r = cjson.decode(ARGV[3])\n"
" r.n, r.q = 0, now\n"
" queue(id, r)\n"
" return { was, 1 }\n"

"elseif op == 'retry' then\n"
" local r = load(id)\n"
" if not r then return { '' } end\n"
" local was = r.s\n"
" if was == 'q' or was == 'r' then return { was } end\n"
" off(id, r)\n"
" r.n, r.r = 0, nil\n"
" queue(id, r)\n"
" return { was }\n"

/* who works at it learns of it when the lease is renewed, and ends the lock */

"elseif op == 'drop' then\n"
" local r = load(id)\n"
" if not r then return { '' } end\n"
" if r.s == 'r' then\n"
"  redis.call('SET', locks .. r.t .. '/' .. r.k, 'dropped', 'NX', 'PX',"
" ARGV[3])\n"
" end\n"
" off(id, r)\n"
" redis.call('DEL', jobs .. id)\n"
" return { r.s }\n"

"elseif op == 'list' then\n"
" local out = {}\n"
" local state, max = ARGV[2], tonumber(ARGV[3])\n"
" if state == 'q' or state == 'r' then\n"
"  local from = '-'\n"
"  for _ = 1, 100 do\n"
"   local page = redis.call('XRANGE', stream, from, '+', 'COUNT', 1000)\n"
"   for _, e in ipairs(page) do\n"
"    local r = load(e[2][2])\n"
"    if r and r.s == state and r.x == e[1] then\n"
"     out[#out + 1] = e[2][2]\n"
"     out[#out + 1] = cjson.encode(r)\n"
"     if #out >= 2 * max then return out end\n"
"    end\n"
"   end\n"
"   if #page < 1000 then return out end\n"
"   from = '(' .. page[#page][1]\n"
"  end\n"
"  return out\n"
" end\n"
" local list = state == 'w' and later or state == 'x' and dead or done\n"
" for _, i in ipairs(redis.call('ZRANGE', list, 0, max - 1)) do\n"
"  local r = load(i)\n"
"  if r and r.s == state then\n"
"   out[#out + 1] = i\n"
"   out[#out + 1] = cjson.encode(r)\n"
"  end\n"
" end\n"
" return out\n"

/* page by page: what is in a list all the while is in one of its pages */

"elseif op == 'scan' then\n"
" local out, ids, from = {}, {}, ARGV[4]\n"
" if ARGV[2] == 's' then\n"
"  local page = redis.call('XRANGE', stream, from, '+', 'COUNT', 500)\n"
"  for _, e in ipairs(page) do\n"
"   ids[#ids + 1], out[1] = e[2][2], '(' .. e[1]\n"
"  end\n"
"  out[1] = out[1] or ''\n"
" else\n"
"  local page = redis.call('ZSCAN', ARGV[2] == 'w' and later or dead, from,"
" 'COUNT', 500)\n"
"  for i = 1, #page[2], 2 do ids[#ids + 1] = page[2][i] end\n"
"  out[1] = page[1] ~= '0' and page[1] or ''\n"
" end\n"
" for _, i in ipairs(ids) do\n"
"  local r = load(i)\n"
"  if r and r.t == ARGV[3] then\n"
"   out[#out + 1] = i\n"
"   out[#out + 1] = cjson.encode(r)\n"
"  end\n"
" end\n"
" return out\n"

"elseif op == 'lock' then\n"
" local name = locks .. ARGV[2]\n"
" local owner = redis.call('GET', name)\n"
" if owner and owner ~= ARGV[3] then return { 'locked' } end\n"
" local ok, p = pcall(redis.call, 'XPENDING', stream, group, '-', '+',"
" 10000)\n"
" for _, e in ipairs(ok and not p.err and p or {}) do\n"
"  local page = redis.call('XRANGE', stream, e[1], e[1])\n"
"  local r = page[1] and load(page[1][2][2])\n"
"  if r and r.s == 'r' and r.t .. '/' .. r.k == ARGV[2] then"
" return { 'running', page[1][2][2] } end\n"
" end\n"
" redis.call('SET', name, ARGV[3], 'PX', ARGV[4])\n"
" return { 'done' }\n"

"elseif op == 'unlock' then\n"
" local name = locks .. ARGV[2]\n"
" if redis.call('GET', name) == ARGV[3] then redis.call('DEL', name) end\n"
" return { 'done' }\n"

"elseif op == 'count' then\n"
" local ok, p = pcall(redis.call, 'XPENDING', stream, group)\n"
" return { redis.call('XLEN', stream), ok and not p.err and p[1] or 0,\n"
"  redis.call('ZCARD', later), redis.call('ZCARD', dead) }\n"

/* a consumer that holds nothing and has not been heard of for an hour */

"elseif op == 'begin' then\n"
" pcall(redis.call, 'XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')\n"
" for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do\n"
"  if c[4] == 0 and c[6] > 3600000 then\n"
"   redis.call('XGROUP', 'DELCONSUMER', stream, group, c[2])\n"
"  end\n"
" end\n"
" return { 'ok' }\n"

"elseif op == 'leave' then\n"
" for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do\n"
"  if c[2] == ARGV[3] and c[4] == 0 then\n"
"   redis.call('XGROUP', 'DELCONSUMER', stream, group, c[2])\n"
"  end\n"
" end\n"
" return { 'ok' }\n"

"elseif op == 'promote' then\n"
" for _, i in ipairs(redis.call('ZRANGEBYSCORE', later, '-inf', now,"
" 'LIMIT', 0, 100)) do\n"
"  redis.call('ZREM', later, i)\n"
"  local r = load(i)\n"
"  if r and r.s == 'w' then r.d = nil queue(i, r) end\n"
" end\n"
" local first = redis.call('ZRANGE', later, 0, 0, 'WITHSCORES')\n"
" return { first[2] and math.max(0, first[2] - now) or -1 }\n"

/* an entry that no record knows of is what a crash or a drop has left */

"elseif op == 'take' then\n"
" local r = load(id)\n"
" if not r or r.x ~= ARGV[4] then\n"
"  redis.call('XACK', stream, group, ARGV[4])\n"
"  redis.call('XDEL', stream, ARGV[4])\n"
"  return { 'none' }\n"
" end\n"
" if redis.call('GET', locks .. r.t .. '/' .. r.k) then\n"
"  off(id, r)\n"
"  r.s, r.d = 'w', now + 1000\n"
"  redis.call('ZADD', later, r.d, id)\n"
"  save(id, r)\n"
"  return { 'none' }\n"
" end\n"
" if r.n >= tonumber(ARGV[5]) then\n"
"  bury(id, r, 'the worker ended during attempt ' .. r.n)\n"
"  return { 'buried', cjson.encode(r) }\n"
" end\n"
" r.s, r.w, r.n = 'r', ARGV[3], r.n + 1\n"
" save(id, r)\n"
" return { 'done', cjson.encode(r) }\n"
"end\n"

/* from here on the lease has to be that of ARGV: consumer, entry, attempt */

"local r = load(id)\n"
"if not r or r.s ~= 'r' or r.w ~= ARGV[3] or r.x ~= ARGV[4]"
" or r.n ~= tonumber(ARGV[5]) then return { 'lost' } end\n"

"if op == 'renew' then\n"
" local c = redis.call('XCLAIM', stream, group, ARGV[3], 0, ARGV[4],"
" 'JUSTID')\n"
" return { #c > 0 and 'done' or 'lost' }\n"

"elseif op == 'done' then\n"
" off(id, r)\n"
" r.s, r.r = 'd', cjson.decode(ARGV[6])\n"
" save(id, r, DAYS)\n"
" redis.call('SET', of .. ARGV[7], id, 'PX', DAYS)\n"
" keep(done, id)\n"
" return { 'done' }\n"

"elseif op == 'fail' then\n"
" if ARGV[7] == '1' or r.n >= tonumber(ARGV[9]) then\n"
"  bury(id, r, ARGV[6])\n"
"  return { 'buried' }\n"
" end\n"
" off(id, r)\n"
" r.s, r.r, r.d = 'w', ARGV[6], now + tonumber(ARGV[8])\n"
" redis.call('ZADD', later, r.d, id)\n"
" save(id, r)\n"
" return { 'done' }\n"

"elseif op == 'defer' then\n"
" off(id, r)\n"
" r.n = r.n - 1\n"
" r.s, r.r, r.d = 'w', ARGV[6], now + tonumber(ARGV[7])\n"
" redis.call('ZADD', later, r.d, id)\n"
" save(id, r)\n"
" return { 'done' }\n"

"elseif op == 'release' then\n"
" off(id, r)\n"
" r.n = r.n - 1\n"
" queue(id, r)\n"
" return { 'done' }\n"
"end\n"

"return redis.error_reply('ERR xr: no such operation')\n";
