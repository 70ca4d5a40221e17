--- Run once before the specs: the engine's C module, as the build leaves it on LUA_CPATH.
package.preload["kal.native"] = function() return require "kal_native" end
