/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include <string.h>

#include "xr_le.h"
#include "xr_limit.h"


/* For Redis 7 and Valkey: Lua 5.1, whose numbers are doubles. */

static const char  xr_limit_lua[] =
    "-- Buckets of tokens: xr_limit.h says what is asked and answered.\n"
    "\n"
    "local MAX = 9000000000000000    -- of any amount: exact, below 2^53\n"
    "local MIN = -MAX\n"
    "local TOKEN = 1000000           -- millionths\n"
    "local SECOND = 1000000          -- microseconds\n"
    "local KEEP = 31536000000        -- milliseconds a key lives, at most\n"
    "local SPARE = 4000              -- and may live longer than needed\n"
    "\n"
    "local THREE, FOUR = '<ddd', '<dddd'\n"
    "local SIZE = 32                 -- of four\n"
    "local ERR = 'ERR xr limit: '\n"
    "\n"
    "local call, pcall, fail = redis.call, redis.pcall, redis.error_reply\n"
    "local pack, unpack = struct.pack, struct.unpack\n"
    "local keys, mode, numbers = KEYS, ARGV[1], ARGV[2]\n"
    "local n = #keys\n"
    "local take = mode == 'take'\n"
    "\n"
    "if not take and mode ~= 'lease' then\n"
    "  return fail(ERR .. 'neither take nor lease')\n"
    "end\n"
    "\n"
    "if n == 0 or #ARGV ~= 2 or #numbers ~= n * SIZE then\n"
    "  return fail(ERR .. 'not four numbers for each key')\n"
    "end\n"
    "\n"
    "local time = call('TIME')\n"
    "local now = time[1] * SECOND + time[2]\n"
    "local enough = true\n"
    "local j = 0\n"
    "\n"
    "-- All of Redis waits for this.  So it makes no functions, one table,\n"
    "-- which has not to grow for three keys, and calls little.  x - x % -1\n"
    "-- is x rounded up, and x - x % 1 rounded down.\n"
    "\n"
    "local s = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,\n"
    "  0, 0, 0, 0, 0, 0, 0}\n"
    "\n"
    "for i = 1, n do\n"
    "  local key, at = keys[i], i * SIZE - SIZE + 1\n"
    "  local rate, burst, want, due = unpack(FOUR, numbers, at)\n"
    "\n"
    "  -- what is no number is not in a range\n"
    "  if not (rate >= 1 and rate <= MAX and burst >= 1 and burst <= MAX\n"
    "      and want >= MIN and want <= MAX and due >= MIN and due <= MAX)\n"
    "    or rate % 1 ~= 0 or burst % 1 ~= 0 or want % 1 ~= 0 or due % 1 ~= 0\n"
    "  then\n"
    "    return fail(ERR .. 'a number that is none, or out of range')\n"
    "  end\n"
    "\n"
    "  for other = 1, i - 1 do\n"
    "    if keys[other] == key then\n"
    "      return fail(ERR .. 'a key that stands twice')\n"
    "    end\n"
    "  end\n"
    "\n"
    "  local value = pcall('GET', key)\n"
    "  local b, t, f, till = burst, now, 0, 0\n"
    "\n"
    "  if value and #value == SIZE then\n"
    "    b, t, f, till = unpack(FOUR, value)\n"
    "\n"
    "    -- of what is not finite the rest is no number, and not 0\n"
    "    if b % 1 ~= 0 or b < MIN or t % 1 ~= 0 or t < 0 or t > MAX\n"
    "      or f % 1 ~= 0 or f < 0 or f >= TOKEN\n"
    "    then\n"
    "      b, t, f, till = burst, now, 0, 0\n"
    "    end\n"
    "\n"
    "  elseif type(value) == 'table'\n"
    "    and not string.find(value.err, 'WRONGTYPE', 1, true)\n"
    "  then\n"
    "    return value\n"
    "  end\n"
    "\n"
    "  -- What the rate gave since.  Sums above 2^53 are of full buckets.\n"
    "  if t < now then\n"
    "    local us = (now - t) % SECOND\n"
    "    local sec = (now - t - us) / SECOND\n"
    "\n"
    "    -- the next call gives the rest, should anybody be so deep in debt\n"
    "    if sec > 0 and sec >= (MAX - MAX % rate) / rate then\n"
    "      sec = (MAX - MAX % rate) / rate\n"
    "      us = 0\n"
    "      t = t + sec * SECOND\n"
    "    else\n"
    "      t = now\n"
    "    end\n"
    "\n"
    "    local low = rate % SECOND\n"
    "    local part = low * us + f\n"
    "\n"
    "    f = part % SECOND\n"
    "    b = b + rate * sec + (rate - low) / SECOND * us\n"
    "      + (part - f) / SECOND\n"
    "\n"
    "  else\n"
    "    -- a clock that was set back gives nothing, and goes on from there\n"
    "    t = now\n"
    "  end\n"
    "\n"
    "  if b >= burst then\n"
    "    b, t, f = burst, now, 0\n"
    "  end\n"
    "\n"
    "  if due ~= 0 then\n"
    "    b = b - due\n"
    "\n"
    "    if b >= burst then\n"
    "      b, t, f = burst, now, 0\n"
    "    elseif b < MIN then\n"
    "      b = MIN\n"
    "    end\n"
    "  end\n"
    "\n"
    "  if want > 0 then\n"
    "    if b < want and b < burst then\n"
    "      enough = false\n"
    "    end\n"
    "  elseif want < 0 and b < 1 then\n"
    "    enough = false\n"
    "  end\n"
    "\n"
    "  s[j + 1], s[j + 2], s[j + 3] = rate, burst, want\n"
    "  s[j + 4], s[j + 5], s[j + 6], s[j + 7] = b, t, f, till\n"
    "  j = j + 7\n"
    "end\n"
    "\n"
    "local answer = ''\n"
    "j = 0\n"
    "\n"
    "for i = 1, n do\n"
    "  local rate, burst, want = s[j + 1], s[j + 2], s[j + 3]\n"
    "  local b, t, f, till = s[j + 4], s[j + 5], s[j + 6], s[j + 7]\n"
    "  local granted, wait, least = 0, 0\n"
    "\n"
    "  j = j + 7\n"
    "\n"
    "  if want < 0 then\n"
    "    want = -want\n"
    "    least = 1\n"
    "  end\n"
    "\n"
    "  if take then\n"
    "    if enough then\n"
    "      granted = want\n"
    "    end\n"
    "  elseif b >= want then\n"
    "    granted = want\n"
    "  elseif b >= burst then\n"
    "    granted = b\n"
    "  elseif b > 0 then\n"
    "    -- part of a token is no use to anybody, but all of a full bucket is\n"
    "    granted = b - b % TOKEN\n"
    "  end\n"
    "\n"
    "  b = b - granted\n"
    "\n"
    "  if b < MIN then\n"
    "    b = MIN\n"
    "  end\n"
    "\n"
    "  -- the key lives until it is full, and a second more\n"
    "  local ms = (burst - b) / rate * 1000\n"
    "  ms = ms - ms % 1 + 1001\n"
    "\n"
    "  if ms > KEEP then\n"
    "    ms = KEEP\n"
    "  end\n"
    "\n"
    "  -- SET takes twice as long if it is to say when the key ends\n"
    "  if till <= MAX and till - now >= ms * 1000 then\n"
    "    call('SET', keys[i], pack(FOUR, b, t, f, till), 'KEEPTTL')\n"
    "  else\n"
    "    ms = ms + ms + SPARE\n"
    "\n"
    "    if ms > KEEP then\n"
    "      ms = KEEP\n"
    "    end\n"
    "\n"
    "    till = now + ms * 1000\n"
    "    call('SET', keys[i], pack(FOUR, b, t, f, till), 'PX', ms)\n"
    "  end\n"
    "\n"
    "  -- microseconds until there is as much as there has to be for the rest\n"
    "  if granted < want then\n"
    "    if not take or not least then\n"
    "      least = want - granted\n"
    "\n"
    "      if burst < least then\n"
    "        least = burst\n"
    "      end\n"
    "    end\n"
    "\n"
    "    if least > b then\n"
    "      local rest = (least - b) % rate\n"
    "      local us = (rest * SECOND - f) / rate\n"
    "\n"
    "      -- whole below 2^53; the division is not exact above\n"
    "      wait = (least - b - rest) / rate * SECOND + (us - us % -1)\n"
    "      wait = wait - wait % 1\n"
    "\n"
    "      if wait > MAX then\n"
    "        wait = MAX\n"
    "      end\n"
    "    end\n"
    "  end\n"
    "\n"
    "  answer = answer .. pack(THREE, granted, b, wait)\n"
    "end\n"
    "\n"
    "return answer\n";


xr_str_t
xr_limit_script(void)
{
    return xr_str_of(xr_limit_lua, sizeof(xr_limit_lua) - 1);
}


uint8_t *
xr_limit_script_put(uint8_t *p, int64_t n)
{
    double    number;
    uint64_t  bits;

    number = (double) n;
    memcpy(&bits, &number, sizeof(bits));
    xr_le64_put(p, bits);

    return p + sizeof(bits);
}


xr_rc_t
xr_limit_script_get(const uint8_t *p, int64_t *n)
{
    double    number;
    uint64_t  bits;

    bits = xr_le64(p);
    memcpy(&number, &bits, sizeof(number));

    /* what is no number is not between them */

    if (!(number >= (double) -XR_LIMIT_MAX
          && number <= (double) XR_LIMIT_MAX))
    {
        return XR_INVALID;
    }

    *n = (int64_t) number;

    return ((double) *n == number) ? XR_OK : XR_INVALID;
}
