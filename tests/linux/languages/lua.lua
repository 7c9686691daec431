#!/usr/bin/lua5.4
-- Lua: files, pipes, coroutines, the collector.
local f = assert(io.open("file", "w"))
for i = 1, 1000 do f:write(i, "\n") end
f:close()
local sum = 0
for line in io.lines("file") do sum = sum + tonumber(line) end
print("sum", sum)
local p = assert(io.popen("wc -l < file"))
print("popen", p:read("n"), p:close())
print("execute", os.execute("exit 3"))
print("killed", os.execute("kill -9 $$"))
print("rename", os.rename("file", "other"), io.open("file") == nil)
f = assert(io.open("other", "r+"))
f:seek("set", 4)
f:write("XX")
f:seek("set", 0)
print(f:read("l"), f:read("l"), f:read("l"), f:seek("cur"), f:seek("end"))
f:close()
print("remove", os.remove("other"), os.remove("other"))
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i * i) end end)
print("coroutine", co(), co(), co())
local t = {}
for i = 1, 200000 do t[i] = { i } end
t = nil
collectgarbage()
print("collected", collectgarbage("count") < 20000)
print(string.format("%5.2f %q", math.pi, "a\nb"), #string.rep("ab", 1000), ("x"):byte())
print(os.getenv("HOME"), os.date("!%F", 1000000000), os.time() > 1700000000)
print(select(2, pcall(error, { code = 1 })).code)
local tmp = io.tmpfile()
tmp:write("temporary")
tmp:seek("set")
print(tmp:read("a"))
