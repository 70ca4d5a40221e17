std = "luajit"
max_line_length = 100
exclude_files = { "build", "var" }

-- Pure Lua: what the world looks like comes in as a parameter.
local pure = {
  not_globals = {
    "collectgarbage", "debug", "dofile", "getfenv", "io", "jit", "load", "loadfile", "loadstring",
    "module", "newproxy", "os", "package", "print", "setfenv",
  },
}
files["nodes"] = pure
files["plugins"] = pure

files["tests"] = { std = "+busted" }
